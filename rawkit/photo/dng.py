"""Writing DNG: the mosaic, what a raw converter needs to know, and a small preview."""

import io
import warnings
from fractions import Fraction
from pathlib import Path

import numpy as np
import tifffile

from ..bayer import to_srgb
from ..places import atomic_file, check_output
from . import tags
from .frame import CELL, active_view
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
    path = check_dng(path, overwrite=overwrite)
    data, lost = write_metadata(encode_dng(photo).getvalue(), photo.metadata)
    if lost:
        warnings.warn(f"{path}: not kept, as it cannot be written: {', '.join(lost)}", stacklevel=2)
    with atomic_file(path) as file:
        file.write(data)
        check_dng(path, overwrite=overwrite)  # it may have come meanwhile
    return path


def check_dng(path, source=None, overwrite=False):
    """Say in time that a DNG could not be written; arguments and errors of `check_output`."""
    path = Path(path)
    check_output(path, source, overwrite, ending=".dng")
    return path


def encode_dng(photo):
    """Build the DNG file of a frame in memory, without its metadata.

    Returns
    -------
    io.BytesIO, at its beginning
    """
    file = io.BytesIO()  # tifffile takes no nameless temporary file
    common = {"metadata": None, "compression": None, "software": "rawkit"}
    with tifffile.TiffWriter(file) as tiff:
        tiff.write(
            preview(photo),
            photometric="rgb",
            subfiletype=1,
            subifds=1,
            extratags=_file_tags(photo),
            **common,
        )
        tiff.write(
            np.ascontiguousarray(photo.mosaic, "<u2"),
            photometric=tags.CFA,
            subfiletype=0,
            rowsperstrip=_rows_per_strip(photo.mosaic.shape),
            extratags=_raw_tags(photo),
            **common,
        )
    file.seek(0)
    return file


def _rows_per_strip(shape):
    """Strips of about 8 MB, so that readers need not take all at once."""
    return max(1, min(shape[0], 2**22 // shape[1]))


def preview(photo):
    """A small picture for file browsers: camera white balance and colors, no denoising.

    Returns
    -------
    ndarray, shape (h, w, 3), uint8, sRGB
        Neither side above PREVIEW_SIDE.
    """
    seen = active_view(photo)
    step = -(-max(seen.shape) // (2 * PREVIEW_SIDE))  # cells of the mosaic in a pixel
    rows, columns = (n // 2 // step for n in seen.shape)
    light = np.zeros((rows, columns, 3))
    for (y, x), color in zip(CELL, photo.phase):
        plane = seen[y::2, x::2][: rows * step, : columns * step]
        mean = plane.reshape(rows, step, columns, step).mean((1, 3))
        black = _mean_black(photo, y, x, rows, columns, step)
        share = 0.5 if color == "G" else 1.0
        light[..., "RGB".index(color)] += share * (mean - black) / (photo.white_level - black)
    light = (light.clip(0, 1) / photo.white_balance).clip(0, 1) @ camera_to_srgb(
        photo.color_matrix
    ).T
    exposure = 0.8 / max(np.percentile(light[..., 1], 98), 0.05)
    return to_srgb(light * exposure)


def _mean_black(photo, y, x, rows, columns, step):
    """The black level of a place of the cell in each pixel of the preview, rows and columns too."""
    down, across = photo.black_deltas
    down = down[y::2][: rows * step].reshape(rows, step).mean(1)
    across = across[x::2][: columns * step].reshape(columns, step).mean(1)
    return photo.black_level[y, x] + down[:, None] + across


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


def _fractions(values, limit=10**6):
    """Numbers as (numerator, denominator, ...), exact where they are short."""
    parts = [Fraction(float(x)).limit_denominator(limit) for x in values]
    return tuple(n for part in parts for n in (part.numerator, part.denominator))


def _entry(code, kind, values):
    """One of tifffile's extra tags."""
    if kind in (tags.RATIONAL, tags.SRATIONAL):
        return (code, kind, len(values), _fractions(values), True)
    if kind == tags.ASCII:
        return (code, kind, 0, values.encode() + b"\0", True)
    return (code, kind, len(values), bytes(values) if kind == tags.BYTE else tuple(values), True)


def _file_tags(photo):
    camera = f"{photo.make} {photo.model}".strip() or "unknown camera"
    entries = {
        tags.ORIENTATION: (tags.SHORT, [photo.orientation]),
        tags.MAKE: (tags.ASCII, photo.make),
        tags.MODEL: (tags.ASCII, photo.model),
        tags.DNG_VERSION: (tags.BYTE, [1, 4, 0, 0]),
        tags.DNG_BACKWARD: (tags.BYTE, [1, 3, 0, 0]),  # since opcode lists may be in it
        tags.UNIQUE_MODEL: (tags.ASCII, camera),
        tags.COLOR_MATRIX: (tags.SRATIONAL, list(photo.color_matrix.ravel())),
        tags.ILLUMINANT: (tags.SHORT, [D65]),
        tags.AS_SHOT_NEUTRAL: (tags.RATIONAL, list(photo.white_balance)),
        tags.PREVIEW_COLORS: (tags.LONG, [SRGB]),
    }
    kept = {code: tag for code, tag in photo.tags.items() if code not in tags.RAW}
    if tags.AS_SHOT_XY in kept:
        del entries[tags.AS_SHOT_NEUTRAL]  # only one of the two is allowed
    own = [_entry(code, *entry) for code, entry in entries.items() if code not in kept]
    return own + [(code,) + tag + (True,) for code, tag in kept.items()]


def _raw_tags(photo):
    black = photo.black_level.ravel()
    whole = not np.any(black % 1)
    entries = {
        tags.CFA_DIM: (tags.SHORT, [2, 2]),
        tags.CFA_PATTERN: (tags.BYTE, ["RGB".index(color) for color in photo.phase]),
        tags.CFA_COLORS: (tags.BYTE, [0, 1, 2]),
        tags.CFA_LAYOUT: (tags.SHORT, [1]),
        tags.BLACK_DIM: (tags.SHORT, [2, 2]),
        tags.BLACK: (tags.LONG, black.astype(int)) if whole else (tags.RATIONAL, black),
        tags.WHITE: (tags.LONG, [int(photo.white_level)]),
        tags.ACTIVE_AREA: (tags.LONG, photo.active),
    }
    for code, delta in zip((tags.BLACK_V, tags.BLACK_H), photo.black_deltas):
        if np.any(delta):
            entries[code] = (tags.SRATIONAL, list(delta))
    own = [_entry(code, *entry) for code, entry in entries.items()]
    kept = {code: tag for code, tag in photo.tags.items() if code in tags.RAW}
    return own + [(code,) + tag + (True,) for code, tag in kept.items()]
