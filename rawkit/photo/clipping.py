"""Where a frame clips: found in its pixels, as files are often wrong about it.

Makers and raw converters differ about white levels by up to a quarter; channels clip each at
their own, and in some sensors each pixel does.  What clips is found as a pile: far more pixels
at one code, or within some codes, than just below.
"""

from collections import namedtuple

import numpy as np

from .frame import CELL, active_view, levels, padding

PILE = 10  # pixels; fewer may be chance
WIDEST = 1 / 200  # of the codes from black to white; noise is wider at such light
AROUND = 1 / 100  # of those codes: the tail below a pile that it is compared with
DENSER = 4  # times as many pixels a code as in that tail
LEAST = 0.5  # of the claimed white level


class Clip(namedtuple("Clip", "low level found")):
    """Where the places of the 2 x 2 cell clip; arrays of shape (2, 2).

    Attributes
    ----------
    low : codes
        From here on a pixel is clipped.
    level : codes
        The middle of the pile.
    found : bool
        Whether there is a pile; without one both are the white level that the file claims.
    """


def find_clip(photo):
    """Find the codes at which a frame's channels clip.

    Parameters
    ----------
    photo : Photo

    Returns
    -------
    Clip
    """
    white, span = photo.white_level, photo.white_level - photo.black_level.min()
    clip = Clip(np.full((2, 2), white), np.full((2, 2), white), np.zeros((2, 2), bool))
    for y, x in CELL:
        pile = _pile(active_view(photo)[y::2, x::2], span)
        if pile is not None and pile[1] >= LEAST * white:
            clip.low[y, x], clip.level[y, x] = pile
            clip.found[y, x] = True
    return clip


def _pile(plane, span):
    """The lowest and the middle code of the pile at the top of a plane; None without one."""
    counts = np.bincount(plane.ravel(), minlength=1)
    above = counts[::-1].cumsum()[::-1]
    top = int(np.flatnonzero(above >= PILE)[-1]) if above[0] >= PILE else 0
    found, width = None, 1
    while width <= max(1, WIDEST * span):
        inside = counts[max(top - width + 1, 0) : top + width]
        around = max(4 * width, int(AROUND * span))
        below = counts[max(top - width + 1 - around, 0) : max(top - width + 1, 0)]
        pixels, used = inside.sum(), max(np.count_nonzero(below), 1)
        dense = pixels > DENSER * width * max(below.sum() / around, below.sum() / used)
        if dense and pixels >= PILE and (found is None or pixels > 1.2 * found[2]):
            # the pile's middle; noise spreads it evenly to both sides
            middle = top - width + 1 + int(np.searchsorted(inside.cumsum(), pixels / 2))
            found = min(top - width + 1, 2 * middle - top), middle, pixels
        width *= 2
    return None if found is None else found[:2]


def flatten(photo, clip):
    """Bring the clipped pixels of each channel to one code.

    Parameters
    ----------
    photo : Photo
    clip : Clip

    Returns
    -------
    Photo
        Its mosaic new where that changes anything; its white level the highest that was found.
    """
    mosaic = photo.mosaic
    if np.any(clip.low < clip.level):
        mosaic = mosaic.copy()
        for y, x in CELL:
            plane = active_view(photo, mosaic)[y::2, x::2]
            plane[plane >= clip.low[y, x]] = clip.level[y, x]
    # a channel without a pile does not clip, so its level says nothing
    white = clip.level[clip.found].max() if clip.found.any() else photo.white_level
    return photo._replace(mosaic=mosaic, white_level=float(white))


def find_white(photo, clip):
    """Where each plane of a frame's RGGB mosaic clips.

    Parameters
    ----------
    photo : Photo
        As `flatten` gives it.
    clip : Clip

    Returns
    -------
    ndarray, shape (4, 1, 1), float32, DN
        Infinity where nothing clips.
    """
    scale, offset = levels(photo)
    white = scale * (clip.level - 0.5 - photo.black_level) + offset  # half a code: rounding
    (top, _), (left, _) = padding(photo)
    white = np.roll(np.where(clip.found, white, np.inf), (top, left), (0, 1))
    return white.reshape(4, 1, 1).astype(np.float32)


def clipped_share(photo, clip):
    """The share of the active pixels that are clipped, 0-1."""
    seen = active_view(photo)
    return np.mean([np.mean(seen[y::2, x::2] >= clip.low[y, x]) for y, x in CELL])
