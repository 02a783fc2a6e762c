"""Where data and outputs are, and writing a file whole or not at all."""

import os
import uuid
from collections import namedtuple
from pathlib import Path

TRAIN_INPUT = "competition_train_input.0.2.bin"
TRAIN_GT = "competition_train_gt.0.2.bin"
TEST_INPUT = "competition_test_input.0.2.bin"
TEST_GT = "competition_test_gt.0.2.bin"  # synthetic sets only; the real one was never published
GT_OF = {TRAIN_INPUT: TRAIN_GT, TEST_INPUT: TEST_GT}
NAMES = (TRAIN_INPUT, TRAIN_GT, TEST_INPUT, TEST_GT)

ROOT = Path(__file__).resolve().parents[1]  # the checkout
MEGSTUDIO = Path("/home/megstudio")
RUNS = ("quick", "full")

Dataset = namedtuple("Dataset", "folder reason")


def _from_root(folder):
    """A folder named by the user; a relative one counts from the checkout."""
    return ROOT / Path(folder).expanduser()


def find_dataset():
    """Decide which dataset to use.

    `RAWKIT_DATA` if set (relative: from the checkout), else MegStudio's folder
    if it exists, else the tiny synthetic set in `data/`.

    Returns
    -------
    Dataset : named tuple (folder : Path, reason : str)

    Raises
    ------
    FileNotFoundError
        If the folder does not exist or holds no file with a competition name.
    """
    chosen, platform = os.environ.get("RAWKIT_DATA"), MEGSTUDIO / "dataset" / "burst_raw"
    if chosen:
        folder, reason = _from_root(chosen), "RAWKIT_DATA is set"
    elif platform.is_dir():
        folder, reason = platform, "MegStudio's dataset folder exists"
    else:
        folder, reason = ROOT / "data", "RAWKIT_DATA is not set: the tiny synthetic set"
    if not chosen and not folder.is_dir():
        raise FileNotFoundError(
            "%s: found no folder, expected the data that comes with the checkout: run rawkit "
            "from the checkout, not from an installed copy, or set RAWKIT_DATA" % folder
        )
    names = (TRAIN_INPUT, TEST_INPUT)
    if not any((folder / name).is_file() for name in names):
        found = "no such file" if folder.is_dir() else "no folder"
        raise FileNotFoundError(
            "%s (%s): found %s, expected %s" % (folder, reason, found, " or ".join(names))
        )
    return Dataset(folder, reason)


def outputs_folder():
    """Where everything that the suite writes goes; made when first written to.

    `RAWKIT_OUTPUTS` if set (relative: from the checkout), else MegStudio's
    workspace if it exists, else `outputs/` in the checkout.

    Returns
    -------
    Path
    """
    chosen, platform = os.environ.get("RAWKIT_OUTPUTS"), MEGSTUDIO / "workspace"
    if chosen:
        return _from_root(chosen)
    return platform if platform.is_dir() else ROOT / "outputs"


def is_full_run():
    """Whether `RAWKIT_RUN` asks for the full run; unset or empty means quick.

    Raises
    ------
    ValueError
        If it is set to anything but "quick" or "full".
    """
    wish = os.environ.get("RAWKIT_RUN") or "quick"
    if wish not in RUNS:
        raise ValueError("RAWKIT_RUN: found %r, expected %s" % (wish, " or ".join(RUNS)))
    return wish == "full"


def show_path(path):
    """A path as text, relative to the checkout where it lies inside."""
    path = Path(path).resolve()
    return str(path.relative_to(ROOT)) if ROOT in path.parents else str(path)


class atomic_file:
    """A binary file that appears under its name only when it is complete.

    Used as a context manager; an exception inside leaves `path` as it was.

    Parameters
    ----------
    path : str or Path
        Missing folders are made.
    """

    def __init__(self, path):
        self.path = Path(path)

    def __enter__(self):
        self._temporary = self.path.with_name(".%s.%s" % (self.path.name, uuid.uuid4().hex[:8]))
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(str(self._temporary), "xb")
        except OSError as error:
            raise OSError(
                "%s: found a folder that cannot be written (%s), expected a writable one"
                % (self.path, error.strerror)
            ) from None
        return self._file

    def __exit__(self, kind, value, traceback):
        try:
            if kind is None:
                self._file.flush()
                os.fsync(self._file.fileno())
            self._file.close()
            if kind is None:
                os.replace(str(self._temporary), str(self.path))
        finally:
            if self._temporary.exists():
                self._temporary.unlink()
