"""Named arrays and a description in one .npz file: no pickle, whole or not at all.

Files come from strangers: everything is checked from the headers before data is read.
"""

import hashlib
import io
import json
import zipfile
from pathlib import Path

import numpy as np

from ..places import atomic_file

META = "meta"  # the entry that holds the description
MAX_META = 1 << 20  # bytes; the longest so far has 10,000
MAX_BYTES = 64 << 20  # of all arrays; 40 times a checkpoint of 100,000 parameters


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
    archive = io.BytesIO()  # a zip file that breaks off on a full disk would complain later
    np.savez(archive, **dict(arrays, **{META: np.array(json.dumps(meta))}))
    with atomic_file(path) as file:
        file.write(archive.getvalue())


def load_meta(path):
    """Read the description alone.  Raises as `load_arrays`."""
    return _read(path, lambda archive: _meta(archive))


def load_arrays(path, shapes=None):
    """Read what `save_arrays` wrote.

    Parameters
    ----------
    path : str or Path
    shapes : dict of str to tuple of int, or None
        The names and shapes expected, all float32; None takes what is there, 64 MiB
        at most.

    Returns
    -------
    arrays : dict of str to ndarray, read-only
    meta : dict

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not such a file, is damaged, holds other arrays than expected, or NaN or
        infinity.
    """

    def read(archive):
        meta = _meta(archive)
        names = {name[:-4]: name for name in archive.namelist() if name != META + ".npy"}
        members = {name: _Member(archive, stored) for name, stored in names.items()}
        if sum(member.size for member in members.values()) > MAX_BYTES:
            raise ValueError("arrays of more than %d MiB" % (MAX_BYTES >> 20))
        if shapes is not None:
            _compare({name: (m.shape, m.dtype) for name, m in members.items()}, shapes)
        arrays = {name: member.read() for name, member in members.items()}
        for name, array in arrays.items():
            if not np.isfinite(array).all():
                raise ValueError("NaN or infinity in %r" % name)
        return arrays, meta

    return _read(path, read)


def _read(path, read):
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError("%s: found no file, expected weights (.npz)" % path)
    try:
        with zipfile.ZipFile(str(path)) as archive:
            return read(archive)
    # a damaged file makes zipfile, zlib, ast and json raise nearly anything
    except Exception as error:
        raise ValueError(
            "%s: found no readable weights (%s), expected an .npz file with an entry %r"
            % (path, " ".join(str(error).split())[:200] or type(error).__name__, META)
        ) from None


def _meta(archive):
    member = _Member(archive, META + ".npy", kinds="U")
    if member.size > MAX_META or member.shape != ():
        raise ValueError("a description that is no text or too long")
    meta = json.loads(str(member.read()))
    if not isinstance(meta, dict):
        raise ValueError("a description that is no dictionary")
    return meta


class _Member:
    """An array of an archive, known by its header."""

    def __init__(self, archive, name, kinds="biuf"):
        self._archive, self._info = archive, archive.getinfo(name)
        if self._info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError("%s: an unknown compression" % name)
        with archive.open(self._info) as file:
            if np.lib.format.read_magic(file) != (1, 0):
                raise ValueError("%s: an unknown version" % name)
            self.shape, fortran, self.dtype = np.lib.format.read_array_header_1_0(file)
            self._start = file.tell()
        self.size = self._info.file_size - self._start
        count = 1
        for side in self.shape:  # Python's own integers cannot overflow
            count *= side
        if fortran and len(self.shape) > 1 or self.dtype.kind not in kinds:
            raise ValueError("%s: an array of %s" % (name, self.dtype))
        if min(self.shape, default=1) < 0 or count * self.dtype.itemsize != self.size:
            raise ValueError("%s: %d bytes for shape %s" % (name, self.size, self.shape))

    def read(self):
        data = self._archive.read(self._info)  # stops at the size told, and checks the sum
        return np.frombuffer(data, self.dtype, offset=self._start).reshape(self.shape)


def _compare(found, shapes):
    expected = {name: (tuple(shape), np.dtype("<f4")) for name, shape in shapes.items()}
    for name in sorted(set(found) | set(expected)):
        if found.get(name) != expected.get(name):
            texts = (
                "%s %s" % (pair[1].name, pair[0]) if pair else "nothing"
                for pair in (found.get(name), expected.get(name))
            )
            raise ValueError("weights that do not fit: %s is %s, not %s" % ((name,) + tuple(texts)))


def sha256(path):
    """SHA-256 of a file's bytes, as hexadecimal text."""
    digest = hashlib.sha256()
    with open(str(path), "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
