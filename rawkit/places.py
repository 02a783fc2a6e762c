"""Where data and outputs are, whether one can write there, writing files whole or not at all."""

import contextlib
import errno
import os
import tempfile
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
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # a full disk, a quota, a limit on files

Dataset = namedtuple("Dataset", "folder reason")


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
    chosen, hosted = os.environ.get("RAWKIT_DATA"), MEGSTUDIO / "dataset" / "burst_raw"
    if chosen:
        folder, reason = ROOT / os.path.expanduser(chosen), "RAWKIT_DATA is set"
    elif hosted.is_dir():
        folder, reason = hosted, "MegStudio's dataset folder exists"
    else:
        folder, reason = ROOT / "data", "RAWKIT_DATA is not set: the tiny synthetic set"
    if not any((folder / name).is_file() for name in (TRAIN_INPUT, TEST_INPUT)):
        found = "no such file" if folder.is_dir() else "no folder"
        expected = f"{TRAIN_INPUT} or {TEST_INPUT}"
        raise FileNotFoundError(f"{folder} ({reason}): found {found}, expected {expected}")
    return Dataset(folder, reason)


def outputs_folder():
    """Where everything that the suite writes goes; made when first written to.

    `RAWKIT_OUTPUTS` if set (relative: from the checkout), else MegStudio's
    workspace if it exists, else `outputs/` in the checkout.

    Returns
    -------
    Path
    """
    chosen, hosted = os.environ.get("RAWKIT_OUTPUTS"), MEGSTUDIO / "workspace"
    if chosen:
        return ROOT / os.path.expanduser(chosen)
    return hosted if hosted.is_dir() else ROOT / "outputs"


def is_full_run():
    """Whether `RAWKIT_RUN` asks for the full run; unset or empty means quick.

    Raises
    ------
    ValueError
        If it is set to anything but "quick" or "full".
    """
    wish = os.environ.get("RAWKIT_RUN") or "quick"
    if wish not in ("quick", "full"):
        raise ValueError(f"RAWKIT_RUN: found {wish!r}, expected quick or full")
    return wish == "full"


def show_path(path):
    """A path as text, relative to the checkout where it lies inside."""
    path = Path(path).resolve()
    return str(path.relative_to(ROOT)) if ROOT in path.parents else str(path)


@contextlib.contextmanager
def atomic_file(path):
    """Open a binary file that appears under its name only when it is complete.

    A context manager; an exception inside leaves `path` as it was.  The data goes to a
    hidden file beside `path`, `.rawkit-...`, which then takes its place.

    Parameters
    ----------
    path : str or Path
        Missing folders are made; of a link, the file that it leads to is written.

    Raises
    ------
    ValueError, OSError
        On entering, as `check_output`; OSError that names the file if the disk is full.
    """
    path = Path(os.path.realpath(str(path)))
    check_output(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".rawkit-{uuid.uuid4().hex[:12]}")
    try:
        with open(str(temporary), "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(str(temporary), str(path))
    except OSError as error:
        if error.errno not in NO_ROOM or error.filename:
            raise
        raise OSError(f"{path}: found no room for it on the disk ({error.strerror})") from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()


def write_whole(path, data):
    """Write bytes to a file, whole or not at all: see `atomic_file`."""
    with atomic_file(path) as file:
        file.write(data)


def check_folder(folder):
    """Find out whether files can be written in a folder, which need not exist yet.

    Parameters
    ----------
    folder : str or Path

    Raises
    ------
    OSError
        If they cannot, in it or in the nearest folder above it that exists.
    """
    folder = Path(folder).absolute()
    nearest = next(place for place in (folder, *folder.parents) if os.path.exists(str(place)))
    try:
        tempfile.TemporaryFile(dir=str(nearest)).close()
    except OSError as error:
        why = f"found a folder that cannot be written ({error.strerror})"
        raise OSError(f"{folder}: {why}") from None


def check_output(path, source=None, overwrite=True, ending=None):
    """Find out, before any work, whether a file can be written under a name.

    Parameters
    ----------
    path : str or Path
    source : str or Path, optional
        What it is made from.
    overwrite : bool
        Whether it may replace a file.
    ending : str, optional
        That the name must have, such as ".dng".

    Raises
    ------
    ValueError
        If there is something that no file can replace: a folder, a device, a pipe, or the
        source; or for another ending.
    FileExistsError
        If there is a file, and `overwrite` is false.
    OSError
        If the folder cannot be written (see `check_folder`), or no file can have the name.
    """
    path = Path(path)
    exists = path.exists()
    if exists and not path.is_file():
        found = "a folder" if path.is_dir() else "a device, pipe or socket"
        raise ValueError(f"{path}: found {found}, expected the name of a file")
    check_folder(path.parent)
    if exists and source is not None and path.resolve() == Path(source).resolve():
        raise ValueError(f"{path}: found the input itself, expected another name")
    if ending and path.suffix.lower() != ending:
        raise ValueError(f"{path}: found the ending {path.suffix!r}, expected {ending}")
    if exists and not overwrite:
        raise FileExistsError(f"{path}: found a file, expected none (overwrite replaces it)")


@contextlib.contextmanager
def run_lock(path):
    """Keep a second run away from the same files; a context manager.

    Parameters
    ----------
    path : str or Path
        What the run writes.  A hidden file beside it is locked.

    Raises
    ------
    OSError
        If another process, or another run in this one, has the lock; or as `check_folder`.
    """
    import filelock

    path = Path(os.path.realpath(str(path)))
    check_folder(path.parent)
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = path.with_name(f".{path.name}.lock")
    lock = filelock.FileLock(str(hidden), timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise OSError(f"{path}: found another run at work on it: wait for it") from None
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            hidden.unlink()
        lock.release()
