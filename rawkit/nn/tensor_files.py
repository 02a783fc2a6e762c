"""Safetensors files of named arrays and a description, for weights and checkpoints alike."""

import hashlib
import json
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

from ..places import atomic_file

META = "meta"  # the entry of a file's metadata that holds the description, as JSON
CHECKSUM = "checksum"  # its entry for what the format lacks


def save_arrays(path, arrays, meta):
    """Write named arrays and a description.

    Parameters
    ----------
    path : str or Path
    arrays : dict of str to ndarray
    meta : dict
        What JSON can hold.

    Raises
    ------
    ValueError, OSError
        As `atomic_file`; the file that was there is then as before.
    """
    # safetensors copies memory as it lies
    arrays = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    data = save(arrays, {META: json.dumps(dict(meta, **{CHECKSUM: _digest(arrays, meta)}))})
    with atomic_file(path) as file:
        file.write(data)


def load_arrays(path):
    """Read what `save_arrays` wrote, or, for one more release, an .npz file of an earlier version.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    arrays : dict of str to ndarray
    meta : dict
        Empty for a safetensors file without a description of ours.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not such a file, is damaged, or holds NaN or infinity.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: found no file, expected weights (.safetensors)")
    try:
        arrays, meta = (_read_npz if path.suffix == ".npz" else _read_safetensors)(path)
    # a damaged .npz file makes zipfile, zlib and ast raise nearly anything
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ValueError(f"{path}: found no readable weights ({reason})") from None
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf" or not np.isfinite(array).all():
            raise ValueError(f"{path}: found NaN, infinity or text in {name!r}, expected numbers")
    return arrays, meta


def _read_safetensors(path):
    with safe_open(str(path), "np") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}
        meta = dict(json.loads((file.metadata() or {}).get(META, "{}")))
    checksum = meta.pop(CHECKSUM, None)  # another program's file has none
    if checksum not in (None, _digest(arrays, meta)):
        raise ValueError("a wrong checksum")
    return arrays, meta


def _read_npz(path):
    with np.load(str(path), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    return arrays, dict(json.loads(str(arrays.pop(META))))


def _digest(arrays, meta):
    digest = hashlib.sha256(json.dumps(meta).encode())
    for name in sorted(arrays):
        digest.update(name.encode() + arrays[name].tobytes())
    return digest.hexdigest()


def check_meta(path, meta, **kinds):
    """Raise ValueError if an entry of a description is of another type than expected.

    Parameters
    ----------
    path : str or Path
        Whose description it is.
    meta : dict
    **kinds : type
        By the entry's name; an entry that is missing is fine.
    """
    for name, kind in kinds.items():
        if name in meta and not isinstance(meta[name], kind):
            found = str(meta[name])[:60]
            raise ValueError(f"{path}: found {name} {found!r}, expected a {kind.__name__}")


def sha256(path):
    """SHA-256 of a file's bytes, as hexadecimal text."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
