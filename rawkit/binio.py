"""Patch files in the competition's format, and where to find and put them.

The format: no header; little-endian uint16; 256 x 256 RGGB patches one after
the other, row by row.  A patch is 131,072 bytes.
"""

import os
import tempfile
from collections import namedtuple
from pathlib import Path

import numpy as np

PATCH_SIZE = 256  # pixels
PATCH_BYTES = 2 * PATCH_SIZE * PATCH_SIZE
WHITE_LEVEL = 65535  # DN

TRAIN_INPUT = "competition_train_input.0.2.bin"
TRAIN_GT = "competition_train_gt.0.2.bin"
TEST_INPUT = "competition_test_input.0.2.bin"
TEST_GT = "competition_test_gt.0.2.bin"  # synthetic sets only; the real one was never published
NAMES = (TRAIN_INPUT, TRAIN_GT, TEST_INPUT, TEST_GT)
GT_OF = {TRAIN_INPUT: TRAIN_GT, TEST_INPUT: TEST_GT}

ROOT = Path(__file__).resolve().parents[1]  # the checkout
MEGSTUDIO = Path("/home/megstudio")

Dataset = namedtuple("Dataset", "folder reason")


def open_patches(path):
    """Open a patch file without reading it into memory.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    numpy.memmap, shape (N, 256, 256), dtype '<u2', read-only, DN

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is empty or its size is not a multiple of 131,072 bytes.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            "%s: found %s, expected a patch file"
            % (path, "a folder" if path.is_dir() else "no file")
        )
    size = path.stat().st_size
    if size == 0 or size % PATCH_BYTES:
        raise ValueError(
            "%s: found %s bytes, expected a multiple of %s (256 x 256 uint16 patches)%s"
            % (
                path,
                format(size, ","),
                format(PATCH_BYTES, ","),
                "; the file is truncated or of another kind" if size else "",
            )
        )
    shape = (size // PATCH_BYTES, PATCH_SIZE, PATCH_SIZE)
    return np.memmap(str(path), dtype="<u2", mode="r", shape=shape)


def write_patches(path, patches):
    """Write patches to a file, whole or not at all.

    The data goes to a temporary file in the same folder, which then takes the
    place of `path`; an existing file survives any failure untouched.

    Parameters
    ----------
    path : str or Path
        Missing folders are made.
    patches : array of uint16, shape (N, 256, 256), DN; or an iterable of such
        arrays, written one after the other so that nothing large is held

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        For any other dtype (no silent rounding or wrapping) or shape, or no patches.
    OSError
        If the folder cannot be written.
    """
    path = Path(path)
    chunks = [patches] if isinstance(patches, np.ndarray) else patches
    with atomic_file(path) as file:
        count = 0
        for chunk in chunks:
            _check_patches(path, chunk)
            file.write(np.ascontiguousarray(chunk, "<u2").data)
            count += len(chunk)
        if count == 0:
            raise ValueError("%s: found no patches to write, expected at least one" % path)
    return path


def _check_patches(path, patches):
    found = "%s %s" % (getattr(patches, "dtype", type(patches).__name__), np.shape(patches))
    if (
        not isinstance(patches, np.ndarray)
        or patches.dtype.newbyteorder("=") != np.uint16
        or patches.ndim != 3
        or patches.shape[1:] != (PATCH_SIZE, PATCH_SIZE)
    ):
        raise ValueError("%s: found %s, expected uint16 (N, 256, 256)" % (path, found))


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
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, self._temporary = tempfile.mkstemp(
                dir=str(self.path.parent), prefix=".%s." % self.path.name
            )
        except OSError as error:
            raise OSError(
                "%s: found a folder that cannot be written (%s), expected a writable one"
                % (self.path, error.strerror)
            ) from None
        # mkstemp makes private files; a result is as public as any other file
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(self._temporary, 0o666 & ~mask)
        self._file = os.fdopen(handle, "wb")
        return self._file

    def __exit__(self, kind, value, traceback):
        try:
            if kind is None:
                self._file.flush()
                os.fsync(self._file.fileno())
            self._file.close()
            if kind is None:
                os.replace(self._temporary, str(self.path))
        finally:
            if os.path.exists(self._temporary):
                os.unlink(self._temporary)


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
    names = (TRAIN_INPUT, TEST_INPUT)
    if not any((folder / name).is_file() for name in names):
        raise FileNotFoundError(
            "%s (%s): found %s, expected %s"
            % (
                folder,
                reason,
                "no such file" if folder.is_dir() else "no folder",
                " or ".join(names),
            )
        )
    return Dataset(folder, reason)


def open_pairs(folder, noisy_name=TRAIN_INPUT):
    """Open noisy patches and their ground truth.

    Parameters
    ----------
    folder : str or Path
    noisy_name : str
        `TRAIN_INPUT` or `TEST_INPUT`.

    Returns
    -------
    noisy, gt : read-only memory maps, shape (N, 256, 256), '<u2', DN

    Raises
    ------
    FileNotFoundError, ValueError
        As `open_patches`, or if the two hold different numbers of patches.
    """
    noisy, gt = (open_patches(Path(folder) / name) for name in (noisy_name, GT_OF[noisy_name]))
    if len(noisy) != len(gt):
        raise ValueError(
            "%s: found %d patches, expected %d as in %s"
            % (Path(folder) / GT_OF[noisy_name], len(gt), len(noisy), noisy_name)
        )
    return noisy, gt


def hold_out(count):
    """How many pairs at the end are kept out of training: a quarter, at most 1024.

    Of the competition's 8192 pairs these are the last 1024, as its finalists did.

    Examples
    --------
    >>> hold_out(8192), hold_out(32)
    (1024, 8)
    """
    return min(count // 4, 1024)


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


def show_path(path):
    """A path as text, relative to the checkout where it lies inside."""
    path = Path(path).resolve()
    return str(path.relative_to(ROOT)) if ROOT in path.parents else str(path)
