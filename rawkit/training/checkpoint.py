"""A training's state on disk: the newest, the one before it, and other runs' beside them."""

import json
import os
import sys
from pathlib import Path

import numpy as np

from ..nn.tensor_files import load_arrays, save_arrays
from ..places import check_output, show_path
from .fingerprint import run_identity


class Checkpoint:
    """Where a run keeps what a resume needs.

    `NAME.safetensors` is the newest state and `NAME.before.safetensors` the one before it, in
    case the newest cannot be read.  Neither ever replaces the state of another run: that is
    kept as `NAME.IDENTITY.safetensors`, and found again when such a run comes back.

    Parameters
    ----------
    path : str or Path
    settings : dict
        Of `describe_run`: what the run's result depends on.

    Raises
    ------
    ValueError
        If `path` is a folder or a device.
    """

    def __init__(self, path, settings):
        check_output(path)
        self.path, self.settings = Path(path), settings
        self._said = None

    def _beside(self, word):
        return self.path.with_name("%s.%s%s" % (self.path.stem, word, self.path.suffix))

    def load(self):
        """Find the newest readable state of this run; say what else was found.

        Returns
        -------
        arrays, meta : dicts, or None

        Raises
        ------
        ValueError
            If the file holds something else, such as a network's weights.
        """
        mine = None
        for path in (self.path, self._beside("before"), self._beside(self._identity())):
            if not path.is_file():
                continue
            try:
                arrays, meta = load_arrays(path)
            except ValueError as error:
                self._set_aside(path, "damaged", str(error))
                continue
            if not isinstance(meta.get("settings"), dict) or not np.ndim(arrays.get("losses")):
                raise ValueError(
                    "%s: found an archive of another kind, expected a checkpoint or no file"
                    % show_path(path)
                )
            if _text(meta["settings"]) == _text(self.settings):
                # what another run set aside may be newer than what it left
                if mine is None or len(arrays["losses"]) > len(mine[0]["losses"]):
                    mine = arrays, meta
            else:
                why = "it belongs to a run with other %s" % self._differences(meta["settings"])
                self._set_aside(path, self._identity(meta["settings"]), why)
        return mine

    def _identity(self, settings=None):
        return run_identity(settings=settings or self.settings)

    def _differences(self, found):
        names = sorted(set(found) | set(self.settings))
        return ", ".join(name for name in names if found.get(name) != self.settings.get(name))

    def _set_aside(self, path, word, why):
        kept = self._beside(word)
        if path != self._beside("before") or not kept.is_file():
            os.replace(str(path), str(kept))
            _say("%s: %s; kept as %s" % (show_path(path), why, kept.name))

    def save(self, arrays, meta):
        """Write a state; a disk that is full is told of, and the run goes on."""
        try:
            if self.path.is_file():
                os.replace(str(self.path), str(self._beside("before")))
            save_arrays(self.path, arrays, dict(meta, settings=self.settings))
            self._said = None
        except OSError as error:
            if str(error) != self._said:
                _say("no checkpoint, training goes on: %s" % error)
            self._said = str(error)


def check_state(path, arrays, meta, size, steps):
    """Raise ValueError unless a state's parts are of the kinds that a run has."""
    losses, shapes = arrays["losses"], {name: array.shape for name, array in arrays.items()}
    vectors = [name for name in shapes if name.startswith("adam/") and name != "adam/steps"]
    fits = losses.ndim == 1 and losses.dtype == np.float64 and len(losses) <= steps
    fits &= all(shapes[n] == (size,) and arrays[n].dtype == np.float32 for n in vectors)
    fits &= shapes.get("adam/steps") == () and arrays["adam/steps"] == len(losses)
    fits &= isinstance(meta.get("seconds"), (int, float)) and isinstance(meta.get("scores"), list)
    if not fits:
        raise ValueError("%s: found a damaged state, expected one of this run" % show_path(path))


def _text(settings):
    return json.dumps(settings, sort_keys=True)


def _say(text):
    if sys.stderr is not None:
        print(text, file=sys.stderr, flush=True)
