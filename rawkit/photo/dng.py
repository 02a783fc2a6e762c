"""Writing DNG: the mosaic, what a raw converter needs to know, and a small preview."""

import io
import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import tifffile

from .. import places
from ..places import atomic_file
from . import tags
from .frame import CELL, active_view

PREVIEW_SIDE = 512  # pixels, at most
D65 = 21  # EXIF's number of the illuminant
EXIF_STAND_IN = tags.EXIF_IFD - 1  # tifffile would leave out the pointer itself
SRGB = 2  # DNG's number of the preview's colours
# IEC 61966-2-1: from linear sRGB to XYZ
SRGB_TO_XYZ = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]


def write_dng(path, photo):
    """Write a frame as an uncompressed DNG, whole or not at all.

    Codes, size, phase, active area, border, levels and colours are those of the file
    it came from; of a DNG also calibration, profiles and opcode lists.

    Parameters
    ----------
    path : str or Path
        An existing file is an error: a photograph is never written over.
    photo : Photo

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
    path = check_output(path)
    with atomic_file(path) as file:
        file.write(encode_dng(photo).getbuffer())
        check_output(path)  # it may have come meanwhile
    return path


def check_output(path, source=None):
    """Say in time that a DNG could not be written.

    Parameters
    ----------
    path : str or Path
        Where it is to go.
    source : str or Path, optional
        What it is made from.

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        If the name does not end in .dng, or is the source's.
    FileExistsError
        If the file exists.
    """
    path = Path(path)
    places.check_output(path, source)
    if path.suffix.lower() != ".dng":
        raise ValueError("%s: found the ending %r, expected .dng" % (path, path.suffix))
    places.check_output(path, overwrite=False)
    return path


def encode_dng(photo):
    """Build the DNG file of a frame in memory.

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
    _append_exif(file, photo.exif)
    file.seek(0)
    return file


def _append_exif(file, exif):
    """Add the block with the exposure, which tifffile cannot write, and point to it."""
    at = file.seek(0, io.SEEK_END)
    head, tail = [struct.pack("<H", len(exif))], []
    room = at + 2 + 12 * len(exif) + 4  # where values of more than four bytes go
    for name in sorted(exif, key=lambda name: tags.EXIF[name][0]):
        code, kind, _ = tags.EXIF[name]
        if kind == tags.ASCII:
            value = exif[name].encode("ascii", "replace") + b"\0"
            count = len(value)
        elif kind == tags.RATIONAL:
            value, count = struct.pack("<2I", *_fractions([exif[name]])), 1
        else:
            value, count = struct.pack("<H", min(int(exif[name]), 65535)), 1
        if len(value) > 4:
            tail.append(value + b"\0" * (len(value) % 2))
            value = struct.pack("<I", room)
            room += len(tail[-1])
        head.append(struct.pack("<HHI", code, kind, count) + value.ljust(4, b"\0"))
    file.write(b"".join(head + [bytes(4)] + tail))
    file.seek(0)
    place = tifffile.TiffFile(file).pages[0].tags[EXIF_STAND_IN].offset
    file.seek(place)
    file.write(struct.pack("<HHII", tags.EXIF_IFD, tags.LONG, 1, at))


def _rows_per_strip(shape):
    """Strips of about 8 MB, so that readers need not take all at once."""
    return max(1, min(shape[0], 2**22 // shape[1]))


def preview(photo):
    """A small picture for file browsers: camera white balance and colours, no denoising.

    Returns
    -------
    ndarray, shape (h, w, 3), uint8, sRGB
        Neither side above PREVIEW_SIDE.
    """
    seen = active_view(photo)
    step = -(-max(seen.shape) // (2 * PREVIEW_SIDE))  # cells of the mosaic in a pixel
    rows, columns = (n // 2 // step for n in seen.shape)
    light = np.zeros((rows, columns, 3))
    for (y, x), color, black in zip(CELL, photo.phase, photo.black_level.ravel()):
        plane = seen[y::2, x::2][: rows * step, : columns * step]
        mean = plane.reshape(rows, step, columns, step).mean((1, 3))
        share = 0.5 if color == "G" else 1.0
        light[..., "RGB".index(color)] += share * (mean - black) / (photo.white_level - black)
    light = (light.clip(0, 1) / photo.white_balance).clip(0, 1) @ camera_to_srgb(
        photo.color_matrix
    ).T
    exposure = 0.8 / max(np.percentile(light[..., 1], 98), 0.05)
    return to_srgb(light * exposure)


def camera_to_srgb(color_matrix):
    """The matrix from white-balanced camera colours to linear sRGB; white stays white.

    Parameters
    ----------
    color_matrix : array, shape (3, 3), from XYZ to camera

    Returns
    -------
    ndarray, shape (3, 3), rows that add up to 1
    """
    to_camera = np.asarray(color_matrix) @ SRGB_TO_XYZ
    return np.linalg.inv(to_camera / to_camera.sum(1, keepdims=True))


def to_srgb(light):
    """Bend linear light by the sRGB curve: (...) float to uint8, clipped and rounded."""
    light = np.clip(light, 0, 1)
    bent = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.uint8(np.rint(255 * bent))


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
        return (code, kind, 0, values, True)
    return (code, kind, len(values), bytes(values) if kind == tags.BYTE else tuple(values), True)


def _file_tags(photo):
    camera = ("%s %s" % (photo.make, photo.model)).strip() or "unknown camera"
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
        EXIF_STAND_IN: (tags.LONG, [0]),
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
