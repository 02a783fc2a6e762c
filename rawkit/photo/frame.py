"""A raw frame as its file holds it, and the way to RGGB DN and exactly back."""

from collections import namedtuple

import numpy as np

CELL = ((0, 0), (0, 1), (1, 0), (1, 1))  # the places of a 2 x 2 cell, row by row
PHASES = ("RGGB", "GRBG", "GBRG", "BGGR")
FULL_SCALE = 65535.0  # DN; where every channel's white level goes
STRIP = 256  # rows that are turned at once, to bound memory; even
EXACT = 0.02  # codes; float32 is this good, so what is this near to a code is that code

_FIELDS = (
    "mosaic active phase black_level black_deltas white_level white_balance color_matrix "
    "orientation camera metadata tags noise_profile notes"
)


class Photo(namedtuple("Photo", _FIELDS, defaults=("", None, {}, None, ()))):
    """A raw file's frame and what is needed to develop it.

    Attributes
    ----------
    mosaic : ndarray, shape (H, W), uint16
        Codes as stored, a masked border included.
    active : tuple (top, left, bottom, right), pixels of `mosaic`
        What saw light; any of them may be odd.
    phase : str
        Colors of the 2 x 2 cell at the corner of `active`, row by row: one of PHASES.
    black_level : ndarray, shape (2, 2), float64, codes
        Of the same cell.
    black_deltas : tuple of two arrays, shapes (rows,) and (columns,) of `active`; codes
        What a row and a column add to the black level; zeros for most cameras.
    white_level : float, codes
        As the file claims it; see `find_clip`.
    white_balance : ndarray, shape (3,)
        As shot: the camera's answer to a neutral surface, green 1 (DNG: AsShotNeutral).
    color_matrix : ndarray, shape (3, 3)
        From XYZ to the camera's colors (DNG: ColorMatrix1, or LibRaw's table, for D65).
    orientation : int
        TIFF's 1-8.
    camera : str
        Its maker and model.
    metadata : Metadata
        Exif, IPTC and XMP, which a copy keeps.
    tags : dict of int to (type, count, value)
        Of a DNG: what goes into the file written, see `rawkit.photo.tags`.
    noise_profile : ndarray, shape (n, 2), or None
        A DNG's own claim: variance = a x + b, x in 0-1 above black, for all or each color.
    notes : tuple of str
        What a reader should know: what was missing and guessed, what cannot be kept.
    """


def active_view(photo, mosaic=None):
    """The part of a mosaic that saw light; a view, shape (h, w)."""
    top, left, bottom, right = photo.active
    return (photo.mosaic if mosaic is None else mosaic)[top:bottom, left:right]


def padding(photo):
    """Rows and columns to add so that a frame begins with red and is of even size.

    Returns
    -------
    ((top, bottom), (left, right)) : each 0 or 1
    """
    top, left = divmod(photo.phase.index("R"), 2)
    height, width = active_view(photo).shape
    return (top, (height + top) % 2), (left, (width + left) % 2)


def levels(photo):
    """What turns codes into DN: DN = scale * (code - black) + offset.

    Returns
    -------
    scale : ndarray, shape (2, 2), DN per code
        The white level becomes 65535 DN.  Places of one color share it, unless the file
        gives them different black levels.
    offset : float, DN
        The common black level: as high as codes below black need to stay positive.
    """
    black, white = photo.black_level, photo.white_level
    offset = FULL_SCALE * black.max() / white
    return (FULL_SCALE - offset) / (white - black), offset


def _tile(cell, shape):
    """The numbers of a 2 x 2 cell for each pixel of some rows, the first of them even."""
    height, width = shape
    return np.tile(cell, ((height + 1) // 2, (width + 1) // 2))[:height, :width]


def _black(photo, rows):
    """The black level of some rows of the active area, codes, shape (rows, w)."""
    down, across = photo.black_deltas
    down = down[rows, None]
    cell = _tile(photo.black_level, (len(down), len(across)))
    return (cell + down + across).astype(np.float32)


def to_rggb(photo):
    """Bring the active area to an RGGB mosaic of even size in DN.

    A frame that begins with another color, or is of odd size, gets a row or a column
    more, a copy of the next but one, which has the right color; `from_rggb` drops it.

    Parameters
    ----------
    photo : Photo

    Returns
    -------
    ndarray, shape (H, W), float32, DN; H and W even
        The largest black level at its share of 65535, white at 65535.  Nothing is
        clipped: codes below black stay below it.
    """
    pixels = active_view(photo)
    scale, offset = levels(photo)
    rggb = np.empty(pixels.shape, np.float32)
    for start in range(0, len(pixels), STRIP):
        rows = slice(start, start + STRIP)
        strip = pixels[rows] - _black(photo, rows)
        strip *= _tile(np.float32(scale), strip.shape)
        strip += np.float32(offset)
        rggb[rows] = strip
    pad = padding(photo)
    return np.pad(rggb, pad, mode="reflect") if np.any(pad) else rggb


def from_rggb(photo, rggb, clip=None, keep=False):
    """Put an RGGB mosaic in DN back into the frame: the inverse of `to_rggb`.

    Codes are whole numbers, and denoised shadows are finer than that.  A value between
    two codes becomes one of them by chance, the nearer the likelier: no step shows in
    a dark gradient and no mean moves.  Whole values stay: nothing changes on the way
    `from_rggb(photo, to_rggb(photo))`.

    Parameters
    ----------
    photo : Photo
    rggb : array, shape as `to_rggb` gives, float, DN
    clip : Clip, optional
        What was clipped, and still is, keeps its code.
    keep : array of bool, shape of `rggb`, or False
        Pixels that stay as they were.

    Returns
    -------
    Photo
        With a new mosaic: clipped to 0 and the white level; the border as it was.
    """
    (top, _), (left, _) = padding(photo)
    mosaic = photo.mosaic.copy()
    pixels = active_view(photo, mosaic)
    height, width = pixels.shape
    inside = slice(top, top + height), slice(left, left + width)
    rggb, keep = rggb[inside], np.broadcast_to(keep, rggb.shape)[inside]
    scale, offset = levels(photo)
    white = max(photo.white_level, pixels.max())
    rng = np.random.default_rng(0)
    for start in range(0, height, STRIP):
        rows = slice(start, start + STRIP)
        codes = rggb[rows] - np.float32(offset)
        codes /= _tile(np.float32(scale), codes.shape)
        codes += _black(photo, rows)
        whole = np.rint(codes)
        between = np.abs(codes - whole) > EXACT
        chance = np.floor(codes + rng.random(codes.shape, np.float32))
        codes = np.clip(np.where(between, chance, whole), 0, white).astype(np.uint16)
        strip = pixels[rows]
        if clip is not None:
            low = _tile(np.float32(clip.low), codes.shape)
            np.copyto(codes, strip, where=(strip >= low) & (codes >= low))
        np.copyto(strip, codes, where=~keep[rows])
    return photo._replace(mosaic=mosaic)
