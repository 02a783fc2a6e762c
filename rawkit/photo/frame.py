"""A raw frame as its file holds it, and the way to RGGB DN and exactly back."""

from collections import namedtuple

import numpy as np

CELL = ((0, 0), (0, 1), (1, 0), (1, 1))  # the places of a 2 x 2 cell, row by row
PHASES = ("RGGB", "GRBG", "GBRG", "BGGR")
FULL_SCALE = 65535.0  # DN; where every channel's white level goes
PILE, LEAST_CLIP = 10, 0.7  # so many pixels of the largest code, at least this share of white, clip
STRIP = 256  # rows that are turned back at once, to bound memory
EXACT = 0.02  # codes; float32 is this good, so what is this near to a code is that code

Photo = namedtuple(
    "Photo",
    "mosaic active phase black_level black_deltas white_level bits white_balance color_matrix "
    "orientation make model exif tags noise_profile notes",
)
Photo.__doc__ = """A raw file's frame and what is needed to develop it.

Attributes
----------
mosaic : ndarray, shape (H, W), uint16
    Codes as stored, a masked border included.
active : tuple (top, left, bottom, right), pixels of `mosaic`
    What saw light; any of them may be odd.
phase : str
    Colours of the 2 x 2 cell at the corner of `active`, row by row: one of PHASES.
black_level : ndarray, shape (2, 2), float64, codes
    Of the same cell.
black_deltas : tuple of two arrays, shapes (rows,) and (columns,) of `active`; codes
    What a row and a column add to the black level; zeros for most cameras.
white_level : float, codes
bits : int
    The bits of the white level.
white_balance : ndarray, shape (3,)
    As shot: the camera's answer to a neutral surface, green 1 (DNG: AsShotNeutral).
color_matrix : ndarray, shape (3, 3)
    From XYZ to the camera's colours (DNG: ColorMatrix1, or LibRaw's table, for D65).
orientation : int
    TIFF's 1-8.
make, model : str
exif : dict of str to number or str
    What is known of "iso", "exposure_time" (s), "f_number", "focal_length" (mm), "date".
tags : dict of int to (type, count, value)
    Of a DNG: what goes into the file written, see `rawkit.photo.tags`.
noise_profile : ndarray, shape (n, 2), or None
    A DNG's own claim: variance = a x + b, x in 0-1 above black, for all or each colour.
notes : tuple of str
    What of the file cannot be kept.
"""


def active_view(photo, mosaic=None):
    """The part of a mosaic that saw light; a view, shape (h, w)."""
    top, left, bottom, right = photo.active
    return (photo.mosaic if mosaic is None else mosaic)[top:bottom, left:right]


def clip_level(photo):
    """The code at which the frame clips.

    The white level, or lower where pixels pile up at a largest code below it: makers
    and raw converters differ about white levels, by up to a quarter.

    Returns
    -------
    int, code
    """
    pixels = active_view(photo)
    largest = int(pixels.max())
    if not LEAST_CLIP * photo.white_level <= largest < photo.white_level:
        return int(photo.white_level)
    piled = np.count_nonzero(pixels == largest) >= PILE
    return largest if piled else int(photo.white_level)


def padding(photo):
    """Rows and columns to add so that a frame begins with red and is of even size.

    Returns
    -------
    ((top, bottom), (left, right)) : each 0 or 1
    """
    top, left = divmod(photo.phase.index("R"), 2)
    height, width = active_view(photo).shape
    return (top, (height + top) % 2), (left, (width + left) % 2)


def levels(photo, gain=None):
    """What turns codes into DN: DN = scale * (code - black) + offset.

    Parameters
    ----------
    photo : Photo
    gain : array, shape (2, 2), optional
        Digital gain of each place of the cell, to be undone.

    Returns
    -------
    scale : ndarray, shape (2, 2), DN per code
        White levels become 65535 DN, if there is no gain.
    offset : float, DN
        The common black level: as high as codes below black need to stay positive.
    """
    black, white = photo.black_level, photo.white_level
    offset = FULL_SCALE * black.max() / white
    scale = (FULL_SCALE - offset) / (white - black)
    return scale if gain is None else scale / gain, offset


def _black(photo, rows):
    """The black level of some rows of the active area, codes, shape (rows, w)."""
    down, across = photo.black_deltas
    n = len(range(*rows.indices(len(down))))
    cell = np.roll(photo.black_level, -(rows.start % 2), 0)
    black = np.tile(cell, ((n + 1) // 2, (len(across) + 1) // 2))[:n, : len(across)]
    return (black + down[rows, None] + across).astype(np.float32)


def _factor(scale, first, shape):
    """One number for each pixel of some rows of the active area."""
    cell = np.roll(scale, -(first % 2), 0)
    height, width = shape
    tiled = np.tile(cell, ((height + 1) // 2, (width + 1) // 2))
    return tiled[:height, :width].astype(np.float32)


def to_rggb(photo, gain=None):
    """Bring the active area to an RGGB mosaic of even size in DN.

    A frame that begins with another colour, or is of odd size, gets a row or a column
    more, a copy of the next but one, which has the right colour; `from_rggb` drops it.

    Parameters
    ----------
    photo : Photo
    gain : as in `levels`

    Returns
    -------
    ndarray, shape (H, W), float32, DN; H and W even
        The largest black level at its share of 65535, white at 65535.  Nothing is
        clipped: codes below black stay below it.
    """
    pixels = active_view(photo)
    scale, offset = levels(photo, gain)
    rggb = np.empty(pixels.shape, np.float32)
    for start in range(0, len(pixels), STRIP):
        rows = slice(start, start + STRIP)
        strip = pixels[rows] - _black(photo, rows)
        strip *= _factor(scale, start, strip.shape)
        strip += np.float32(offset)
        rggb[rows] = strip
    pad = padding(photo)
    return np.pad(rggb, pad, mode="reflect") if np.any(pad) else rggb


def from_rggb(photo, rggb, gain=None):
    """Put an RGGB mosaic in DN back into the frame: the inverse of `to_rggb`.

    Codes are whole numbers, and denoised shadows are finer than that.  A value between
    two codes becomes one of them by chance, the nearer the likelier: no step shows in
    a dark gradient and no mean moves.  Whole values stay: nothing changes on the way
    `from_rggb(photo, to_rggb(photo))`.

    Parameters
    ----------
    photo : Photo
    rggb : array, shape as `to_rggb` gives, float, DN
    gain : as in `to_rggb`

    Returns
    -------
    Photo
        With a new mosaic: clipped to 0 and the clip level, the border and what was
        clipped as they were.
    """
    (top, _), (left, _) = padding(photo)
    mosaic = photo.mosaic.copy()
    pixels = active_view(photo, mosaic)
    height, width = pixels.shape
    rggb = rggb[top : top + height, left : left + width]
    scale, offset = levels(photo, gain)
    clip = clip_level(photo)
    rng = np.random.default_rng(0)
    for start in range(0, height, STRIP):
        rows = slice(start, start + STRIP)
        codes = rggb[rows] - np.float32(offset)
        codes /= _factor(scale, start, codes.shape)
        codes += _black(photo, rows)
        whole = np.rint(codes)
        between = np.abs(codes - whole) > EXACT
        chance = np.floor(codes + rng.random(codes.shape, np.float32))
        codes = np.clip(np.where(between, chance, whole), 0, clip).astype(np.uint16)
        strip = pixels[rows]
        np.copyto(strip, codes, where=strip < clip)
    return photo._replace(mosaic=mosaic)
