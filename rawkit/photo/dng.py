"""Writing DNG: the mosaic, what a raw converter needs to know, and a small preview."""

import io
import warnings
from fractions import Fraction
from pathlib import Path

import numpy as np
import tifffile

from ..bayer import pack_bayer, to_srgb
from ..noise.bands import block_means
from ..places import atomic_file, check_output
from . import tags
from .frame import FULL_SCALE, levels, to_rggb
from .metadata import write_metadata

PREVIEW_SIDE = 512  # pixels, at most
D65 = 21  # EXIF's number of the illuminant
SRGB = 2  # DNG's number of the preview's colors
# IEC 61966-2-1: from linear sRGB to XYZ
SRGB_TO_XYZ = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]


def write_dng(path, photo, overwrite=False):
    """Write a frame as an uncompressed DNG, whole or not at all.

    Codes, size, phase, active area, border, levels and colors are those of the file
    it came from, and so is its metadata; of a DNG also calibration, profiles and opcode lists.

    Parameters
    ----------
    path : str or Path
    photo : Photo
    overwrite : bool
        Without it, an existing file is an error.

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        If the name does not end in .dng.
    FileExistsError
        If the file exists.
    OSError
        If the folder cannot be written.

    References
    ----------
    Adobe: "Digital Negative (DNG) Specification", version 1.7.1.0, 2023.
    """
    check_output(path, overwrite=overwrite, ending=".dng")
    data, lost = write_metadata(encode_dng(photo).getvalue(), photo.metadata)
    if lost:
        warnings.warn(f"{path}: not kept, as it cannot be written: {', '.join(lost)}", stacklevel=2)
    with atomic_file(path) as file:
        file.write(data)
    return Path(path)


def encode_dng(photo):
    """Build the DNG file of a frame in memory, without its metadata.

    Returns
    -------
    io.BytesIO, at its beginning
    """
    file = io.BytesIO()  # tifffile takes no nameless temporary file
    common = {"metadata": None, "compression": None, "software": "rawkit"}
    with tifffile.TiffWriter(file) as tiff:
        common["extratags"] = _file_tags(photo)
        tiff.write(preview(photo), photometric="rgb", subfiletype=1, subifds=1, **common)
        common["extratags"] = _raw_tags(photo)
        # strips of about 8 MB, so that readers need not take all at once
        common["rowsperstrip"] = max(1, 2**22 // photo.mosaic.shape[1])
        mosaic = np.ascontiguousarray(photo.mosaic, "<u2")
        tiff.write(mosaic, photometric=tags.CFA, subfiletype=0, **common)
    file.seek(0)
    return file


def preview(photo):
    """A small picture for file browsers: camera white balance and colors, no denoising.

    Returns
    -------
    ndarray, shape (h, w, 3), uint8, sRGB
        Neither side above PREVIEW_SIDE.
    """
    packed, black = pack_bayer(to_rggb(photo)), levels(photo)[1]
    step = -(-max(packed.shape[1:]) // PREVIEW_SIDE)  # cells of the mosaic in a pixel
    red, gr, gb, blue = (block_means(packed, step) - black) / (FULL_SCALE - black)
    light = np.stack([red, (gr + gb) / 2, blue], -1)
    light = (light.clip(0, 1) / photo.white_balance).clip(0, 1)
    light = light @ camera_to_srgb(photo.color_matrix).T
    exposure = 0.8 / max(np.percentile(light[..., 1], 98), 0.05)
    return to_srgb(light * exposure)


def camera_to_srgb(color_matrix):
    """The matrix from white-balanced camera colors to linear sRGB; white stays white.

    Parameters
    ----------
    color_matrix : array, shape (3, 3), from XYZ to camera

    Returns
    -------
    ndarray, shape (3, 3), rows that add up to 1
    """
    to_camera = np.asarray(color_matrix) @ SRGB_TO_XYZ
    return np.linalg.inv(to_camera / to_camera.sum(1, keepdims=True))


# -- tags


def _entry(kind, values):
    """A tag's kind, count and value as tifffile takes them; fractions exact where short."""
    if kind == tags.ASCII:
        return kind, 0, values.encode() + b"\0"
    if kind in (tags.RATIONAL, tags.SRATIONAL):
        parts = [Fraction(float(x)).limit_denominator(10**6) for x in values]
        return kind, len(parts), tuple(n for x in parts for n in (x.numerator, x.denominator))
    return kind, len(values), bytes(values) if kind == tags.BYTE else tuple(values)


def _extra_tags(photo, own, of_raw):
    """tifffile's extra tags of a page: what a frame says, unless its file said it already."""
    entries = {code: _entry(*entry) for code, entry in own.items()}
    entries.update(x for x in photo.tags.items() if (x[0] in tags.RAW) == of_raw)
    if tags.AS_SHOT_XY in entries:
        del entries[tags.AS_SHOT_NEUTRAL]  # only one of the two is allowed
    return [(code,) + entry + (True,) for code, entry in entries.items()]


def _file_tags(photo):
    own = {
        tags.ORIENTATION: (tags.SHORT, [photo.orientation]),
        tags.DNG_VERSION: (tags.BYTE, [1, 4, 0, 0]),
        tags.DNG_BACKWARD: (tags.BYTE, [1, 3, 0, 0]),  # since opcode lists may be in it
        tags.UNIQUE_MODEL: (tags.ASCII, photo.camera or "unknown camera"),
        tags.COLOR_MATRIX: (tags.SRATIONAL, photo.color_matrix.ravel()),
        tags.ILLUMINANT: (tags.SHORT, [D65]),
        tags.AS_SHOT_NEUTRAL: (tags.RATIONAL, photo.white_balance),
        tags.PREVIEW_COLORS: (tags.LONG, [SRGB]),
    }
    return _extra_tags(photo, own, of_raw=False)


def _raw_tags(photo):
    own = {
        tags.CFA_DIM: (tags.SHORT, [2, 2]),
        tags.CFA_PATTERN: (tags.BYTE, ["RGB".index(color) for color in photo.phase]),
        tags.CFA_COLORS: (tags.BYTE, [0, 1, 2]),
        tags.CFA_LAYOUT: (tags.SHORT, [1]),
        tags.BLACK_DIM: (tags.SHORT, [2, 2]),
        tags.BLACK: (tags.RATIONAL, photo.black_level.ravel()),
        tags.WHITE: (tags.LONG, [int(photo.white_level)]),
        tags.ACTIVE_AREA: (tags.LONG, photo.active),
    }
    for code, deltas in zip((tags.BLACK_V, tags.BLACK_H), photo.black_deltas):
        if np.any(deltas):
            own[code] = (tags.SRATIONAL, deltas)
    return _extra_tags(photo, own, of_raw=True)
