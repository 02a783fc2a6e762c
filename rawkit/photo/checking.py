"""The check of every denoised frame: no local mean may move, nor the two greens part.

It does not ask how the frame was denoised, so it also finds what nobody thought of: a color
cast, rows in turn too dark and too bright, smeared highlights, lifted shadows.
"""

import numpy as np
from scipy.ndimage import maximum_filter

from .frame import CELL, active_view

BLOCK = 16  # pixels of a plane
SIGMAS = 6.0  # deviations that a block's mean may move: one in a billion is beyond by chance
CODE = 0.5  # codes: what rounding may do
GREENS = 0.02  # of the light: a camera's own greens differ by a per cent or two, and are evened out
LIGHT = 0.01  # of the light, of any color: a network's own error on a detail of a block's size
HALO = 0.002  # of the brightest light in the blocks around: what a lens scatters there is more
BINS = 12  # of brightness, within which many blocks are averaged


def find_violation(before, after):
    """Say how a denoised frame breaks the law.

    Parameters
    ----------
    before, after : Photo

    Returns
    -------
    str, or None if it does not
        The largest move of a mean, and where.
    """
    cases = []
    height, width = size = np.array(active_view(before).shape) // 2 * 2
    for (y, x), color, black in zip(CELL, before.phase, before.black_level.ravel()):
        old, new = (_blocks(active_view(p)[y:height:2, x:width:2]) for p in (before, after))
        light = np.maximum(old.mean(-1) - black, 0)
        # what noise and detail do to the mean of a block; shared by fast and slow changes alike
        noise = SIGMAS * old.std(-1) / BLOCK
        share = GREENS if color == "G" else LIGHT
        moved = new.mean(-1) - old.mean(-1)
        cases.append((color, moved, noise, light, share))
        around = HALO * maximum_filter(light, 3, mode="nearest")
        beyond = np.abs(moved) - noise - CODE - np.maximum(share * light, around)
        if beyond.max() > 0:
            at = np.unravel_index(beyond.argmax(), beyond.shape)
            top, left = np.minimum(np.multiply(at, 2 * BLOCK), size - 2 * BLOCK)
            place = f"row {top + y}, column {left + x}"
            return f"{color} by {moved[at]:+.1f} codes at {place}"
    one, other = (case for case in cases if case[0] == "G")
    noise = np.hypot(one[2], other[2])
    cases.append(("the greens apart", one[1] - other[1], noise, one[3], GREENS))
    return _systematic(cases)


def _blocks(plane):
    """The pixels of blocks, shape (rows, columns, BLOCK * BLOCK); the last end at the border."""
    for axis, size in enumerate(plane.shape):
        starts = np.append(np.arange(0, size - BLOCK, BLOCK), size - BLOCK)
        plane = plane.take(np.ravel(starts[:, None] + np.arange(BLOCK)), axis)
    rows, columns = (n // BLOCK for n in plane.shape)
    blocks = plane.astype(np.float32).reshape(rows, BLOCK, columns, BLOCK).swapaxes(1, 2)
    return blocks.reshape(rows, columns, -1)


def _systematic(cases):
    """What no block shows by itself: a color that moves, or greens that part, at one brightness."""
    for name, moved, noise, light, share in cases:
        order = np.argsort(light, axis=None)
        for part in np.array_split(order, min(BINS, order.size)):
            mean, level = moved.flat[part].mean(), light.flat[part].mean()
            error = np.sqrt(np.square(noise.flat[part]).sum()) / part.size
            if abs(mean) > error + CODE + share * level:
                return f"{name} by {mean:+.1f} codes where the light is {level:.0f}"
    return None
