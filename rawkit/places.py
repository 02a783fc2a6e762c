"""Where data and outputs are, and writing a file whole or not at all."""

import contextlib
import io
import mmap
import os
import platform
import re
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


def _from_root(variable):
    """A folder named by the user; a relative one counts from the checkout."""
    try:
        return ROOT / Path(os.environ[variable]).expanduser()
    except RuntimeError:
        raise ValueError(
            "%s: found %r, of a user without a home, expected a folder"
            % (variable, os.environ[variable])
        ) from None


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
        folder, reason = _from_root("RAWKIT_DATA"), "RAWKIT_DATA is set"
    elif hosted.is_dir():
        folder, reason = hosted, "MegStudio's dataset folder exists"
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
    chosen, hosted = os.environ.get("RAWKIT_OUTPUTS"), MEGSTUDIO / "workspace"
    if chosen:
        return _from_root("RAWKIT_OUTPUTS")
    return hosted if hosted.is_dir() else ROOT / "outputs"


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

    Used as a context manager; an exception inside leaves `path` as it was.  The data
    goes to a hidden file beside `path`, locked while its writer lives: what a killed
    one left behind is removed by the next writer of that name.

    Parameters
    ----------
    path : str or Path
        Missing folders are made; of a link, the file that it leads to is written.

    Raises
    ------
    ValueError
        On entering, if `path` is something that no file can replace: a folder, a
        device, a pipe.
    OSError
        If the folder cannot be written, or the disk is full: the file is named.
    """

    def __init__(self, path):
        self.path = Path(os.path.realpath(str(path)))

    def __enter__(self):
        check_output(self.path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._remove_leftovers()
            while True:
                name = ".%s.%s" % (self.path.name, uuid.uuid4().hex[:8])
                self._temporary = self.path.with_name(name)
                raw = _NamedFile(str(self._temporary), "xb")
                raw.path = self.path
                _lock(raw)
                if self._temporary.exists():  # else another writer took it for a leftover
                    break
                raw.close()
        except OSError as error:
            raise OSError(
                "%s: found a folder that cannot be written (%s), expected a writable one"
                % (self.path, error.strerror or error)
            ) from None
        self._file = io.BufferedWriter(raw)
        return self._file

    def __exit__(self, kind, value, traceback):
        try:
            if kind is None:
                self._file.flush()
                _NamedFile.named(self._file.raw, os.fsync, self._file.fileno())
                os.replace(str(self._temporary), str(self.path))
        finally:
            with contextlib.suppress(OSError):  # a full disk has been told of already
                self._file.close()
            if self._temporary.exists():
                self._temporary.unlink()

    def _remove_leftovers(self):
        pattern = re.compile(re.escape(".%s." % self.path.name) + "[0-9a-f]{8}$")
        for name in os.listdir(str(self.path.parent)):
            if pattern.match(name):
                left = self.path.with_name(name)
                with contextlib.suppress(OSError), open(str(left), "rb") as file:
                    if _lock(file, wait=False):
                        left.unlink()


class _NamedFile(io.FileIO):
    """A file whose errors name the file that is being made."""

    def write(self, data):
        return self.named(super().write, data)

    def named(self, function, *arguments):
        try:
            return function(*arguments)
        except OSError as error:
            raise OSError(
                "%s: found that it cannot be written (%s), expected room for it on the disk"
                % (self.path, error.strerror)
            ) from None


def _lock(file, wait=True):
    """Lock an open file until it is closed or its process ends; whether that went well."""
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:  # another has it, or the file system knows no locks
        return False
    return True


def check_output(path, source=None, overwrite=True):
    """Find out, before any work, whether a file can be written under a name.

    Parameters
    ----------
    path : str or Path
    source : str or Path, optional
        What it is made from.
    overwrite : bool
        Whether it may replace a file.

    Raises
    ------
    ValueError
        If there is something that no file can replace: a folder, a device, a pipe,
        or the source.
    FileExistsError
        If there is a file, and `overwrite` is false.
    """
    path = Path(path)
    try:
        exists, is_file = path.exists(), path.is_file()
    except OSError:  # a folder that cannot be looked into: writing will say so
        return
    if exists and not is_file:
        kinds = "a folder" if path.is_dir() else "a device, pipe or socket"
        raise ValueError("%s: found %s, expected the name of a file" % (path, kinds))
    if exists and source is not None and path.resolve() == Path(source).resolve():
        raise ValueError("%s: found the input itself, expected another name" % path)
    if exists and not overwrite:
        raise FileExistsError(
            f"{path}: found a file, expected none: choose another name or overwrite it"
        )


@contextlib.contextmanager
def run_lock(path):
    """Keep a second run away from the same files; a context manager.

    Parameters
    ----------
    path : str or Path
        What the run writes.  A hidden file beside it says who has the lock.

    Raises
    ------
    OSError
        If another process, or another run in this one, has the lock: says who.
    """
    import filelock

    path = Path(os.path.realpath(str(path)))
    note = path.with_name(".%s.lock" % path.name)
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        owner = note.read_text(errors="replace")[:100] if note.is_file() else ""
        lock = filelock.FileLock(str(note), timeout=0)
        lock.acquire()
    except filelock.Timeout:
        raise OSError(
            "%s: found another run at work on it (%s), expected none: wait for it or stop it"
            % (path, owner.strip() or "of unknown owner")
        ) from None
    except OSError as error:
        raise OSError(
            "%s: found a folder that cannot be written (%s), expected a writable one"
            % (path, error.strerror or error)
        ) from None
    try:
        with contextlib.suppress(OSError):  # a full disk: the lock holds without its note
            note.write_text("process %d on %s\n" % (os.getpid(), platform.node()))
        yield
    finally:
        with contextlib.suppress(OSError):
            note.unlink()
        lock.release()


def check_whole(array):
    """Raise ValueError if `array` is in a memory map whose file has shrunk.

    Reading on would end the process without a word.  A look costs a microsecond, so
    whoever reads a map piece by piece looks before each.

    Parameters
    ----------
    array : array of any kind; one in memory is always whole
    """
    mapped = array
    while not isinstance(mapped, (mmap.mmap, type(None))):
        mapped = getattr(mapped, "base", None)
    if mapped is not None and mapped.size() < len(mapped):
        raise ValueError(
            "%s: found that it has shrunk, expected %s bytes as before"
            % (getattr(array, "filename", "a memory map"), format(len(mapped), ","))
        )
