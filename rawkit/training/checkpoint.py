"""A training's state on disk: the newest, and those of other runs."""

import os
import sys
from pathlib import Path

import joblib
import numpy as np
from tqdm import tqdm

from ..nn.tensor_files import load_arrays, save_arrays
from ..places import check_output, show_path


class Checkpoint:
    """Where a run keeps what a resume needs.

    `NAME.safetensors` is the newest state.  It never replaces the state of another run: that is
    kept as `NAME.HASH.safetensors`, and found again when such a run comes back.

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
        self.path, self._settings, self._failure = Path(path), settings, None

    def _beside(self, word):
        return self.path.with_name(f"{self.path.stem}.{word}{self.path.suffix}")

    def load(self):
        """Find the newest readable state of this run; what else was found is kept and named.

        Returns
        -------
        arrays, meta : dicts, or None

        Raises
        ------
        ValueError
            If the file holds something else, such as a network's weights.
        """
        own = joblib.hash(self._settings)[:16]
        states = [self._read(path) for path in (self.path, self._beside(own)) if path.is_file()]
        states = [state for state in states if state is not None]
        # what another run put aside may be newer than what it left
        return max(states, key=lambda state: len(state[0]["losses"]), default=None)

    def _read(self, path):
        """The state in a file, or None: if it is not this run's, the file is put aside."""
        try:
            arrays, meta = load_arrays(path)
        except ValueError as error:
            return self._put_aside(path, "damaged", error)
        settings = meta.get("settings")
        if not isinstance(settings, dict) or np.ndim(arrays.get("losses")) != 1:
            raise ValueError(f"{show_path(path)}: found a file of another kind, not a checkpoint")
        if settings == self._settings:
            return arrays, meta
        names = sorted(set(settings) | set(self._settings))
        other = [name for name in names if settings.get(name) != self._settings.get(name)]
        why = f"it belongs to a run with other {', '.join(other)}"
        return self._put_aside(path, joblib.hash(settings)[:16], why)

    def _put_aside(self, path, word, why):
        kept = self._beside(word)
        os.replace(str(path), str(kept))
        # above a progress bar
        tqdm.write(f"{show_path(path)}: {why}; kept as {kept.name}", file=sys.stderr)

    def save(self, arrays, meta):
        """Write a state.  If that fails, say so once: the run goes on."""
        try:
            save_arrays(self.path, arrays, dict(meta, settings=self._settings))
            self._failure = None
        except OSError as error:
            if str(error) != self._failure:
                tqdm.write(f"no checkpoint, training goes on: {error}", file=sys.stderr)
            self._failure = str(error)
