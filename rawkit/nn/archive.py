"""Named arrays and a description in one .npz file: no pickle, whole or not at all."""

import hashlib
import json
from pathlib import Path

import numpy as np

from ..places import atomic_file

META = "meta"  # the entry that holds the description


def save_arrays(path, arrays, meta):
    """Write named arrays and a description to an .npz file, whole or not at all.

    Parameters
    ----------
    path : str or Path
    arrays : dict of str to ndarray
        Any names but "meta".
    meta : dict
        What JSON can hold.
    """
    with atomic_file(path) as file:
        np.savez(file, **dict(arrays, **{META: np.array(json.dumps(meta))}))


def load_arrays(path):
    """Read what `save_arrays` wrote.

    Returns
    -------
    arrays : dict of str to ndarray
    meta : dict

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not such a file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError("%s: found no file, expected weights (.npz)" % path)
    try:
        with np.load(str(path), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        return arrays, json.loads(str(arrays.pop(META)))
    except (ValueError, OSError, KeyError, EOFError, AttributeError) as error:
        raise ValueError(
            "%s: found no readable weights (%s), expected an .npz file with an entry %r"
            % (path, error, META)
        ) from None


def sha256(path):
    """SHA-256 of a file's bytes, as hexadecimal text."""
    digest = hashlib.sha256()
    with open(str(path), "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
