"""Patch files in the competition's format.

No header; little-endian uint16; 256 x 256 RGGB patches one after the other, row
by row.  A patch is 131,072 bytes.
"""

from pathlib import Path

import numpy as np

from .places import GT_OF, NAMES, ROOT, TRAIN_INPUT, Dataset, atomic_file, find_dataset

PATCH_SIZE = 256  # pixels
PATCH_BYTES = 2 * PATCH_SIZE * PATCH_SIZE
WHITE_LEVEL = 65535  # DN, the largest code


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
        found = "a folder" if path.is_dir() else "no file"
        raise FileNotFoundError(f"{path}: found {found}, expected a file of patches")
    size = path.stat().st_size
    if size == 0 or size % PATCH_BYTES:
        expected = f"a multiple of {PATCH_BYTES:,} (256 x 256 uint16 patches)"
        raise ValueError(f"{path}: found {size:,} bytes, expected {expected}")
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
        for chunk in map(np.asarray, chunks):
            kind, side = chunk.dtype.newbyteorder("="), chunk.shape[1:]
            if kind != np.uint16 or side != (PATCH_SIZE, PATCH_SIZE):
                found = f"{chunk.dtype} {chunk.shape}"
                raise ValueError(f"{path}: found {found}, expected uint16 (N, 256, 256)")
            file.write(np.ascontiguousarray(chunk, "<u2").data)
            count += len(chunk)
        if count == 0:
            raise ValueError(f"{path}: found no patches to write, expected at least one")
    return path


def open_alike(path, other):
    """Open two files of patches, or raise ValueError if they hold different numbers of them."""
    patches, others = open_patches(path), open_patches(other)
    count = len(others)
    if len(patches) != count:
        raise ValueError(f"{path}: found {len(patches)} patches, expected {count} as in {other}")
    return patches, others


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
    gt, noisy = open_alike(Path(folder) / GT_OF[noisy_name], Path(folder) / noisy_name)
    return noisy, gt


def open_dataset(folder):
    """Open all files of a dataset: a dict by their names.

    Raises
    ------
    ValueError
        As `open_patches`, or if noisy patches and ground truth differ in number.
    """
    names = [name for name in NAMES if (Path(folder) / name).is_file()]
    for noisy, gt in GT_OF.items():
        if noisy in names and gt in names:
            open_pairs(folder, noisy)
    return {name: open_patches(Path(folder) / name) for name in names}


def split_pairs(noisy, gt):
    """Keep the last pairs out of training: a quarter of them, at most 1024.

    Of the competition's 8192 pairs these are the last 1024, as its finalists did.
    From two pairs on at least one is held out; a single pair is for training.

    Parameters
    ----------
    noisy, gt : arrays, shape (N, 256, 256)

    Returns
    -------
    training, held_out : tuples (noisy, gt), views of the arrays given

    Examples
    --------
    >>> pairs = np.zeros((2, 32, 256, 256), "u1")
    >>> [len(noisy) for noisy, gt in split_pairs(*pairs)]
    [24, 8]
    """
    count = len(noisy)
    first = count - min(max(count // 4, count > 1), 1024)
    return (noisy[:first], gt[:first]), (noisy[first:], gt[first:])


def find_pairs():
    """Decide which dataset to train on: it must have a pair to train and one to score.

    Returns
    -------
    Dataset : named tuple (folder : Path, reason : str)
        That of `find_dataset`; where it has fewer than two pairs, the tiny synthetic set
        that comes with the checkout, so that a notebook can show all it has to show.

    Raises
    ------
    FileNotFoundError, ValueError
        As `find_dataset` and `open_pairs`.
    """
    dataset = find_dataset()
    names = (TRAIN_INPUT, GT_OF[TRAIN_INPUT])
    complete = all((dataset.folder / name).is_file() for name in names)
    count = len(open_pairs(dataset.folder)[0]) if complete else 0
    if count > 1:
        return dataset
    found = f"{dataset.folder.name} holds {count} pair{'s' * (count != 1)}"
    reason = f"the tiny synthetic set, because {found} and training needs 2 or more"
    return Dataset(ROOT / "data", reason)
