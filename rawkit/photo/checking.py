"""The law that every denoised frame must keep: no local mean moves, no greens part.

It asks nothing of how the frame was denoised, so it also finds what nobody thought of: a color
cast, a maze of rows where one green was multiplied, smeared highlights, lifted shadows.
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
    moves = []
    height, width = (n // (2 * BLOCK) * 2 * BLOCK for n in active_view(before).shape)
    for (y, x), color, black in zip(CELL, before.phase, before.black_level.ravel()):
        old, new = (_blocks(active_view(p)[y:height:2, x:width:2]) for p in (before, after))
        if old is None:
            return None  # too small to have a block
        light = np.maximum(old.mean(-1) - black, 0)
        # what noise and detail do to the mean of a block; shared by fast and slow changes alike
        noise = SIGMAS * old.std(-1) / BLOCK
        share = GREENS if color == "G" else LIGHT
        moved = new.mean(-1) - old.mean(-1)
        moves.append((moved, noise, light))
        around = HALO * maximum_filter(light, 3, mode="nearest")
        beyond = np.abs(moved) - noise - CODE - np.maximum(share * light, around)
        if beyond.max() > 0:
            row, column = np.unravel_index(beyond.argmax(), beyond.shape)
            return (
                f"{color} by {moved[row, column]:+.1f} codes at row {row * 2 * BLOCK + y}, "
                f"column {column * 2 * BLOCK + x}"
            )
    return _systematic(before.phase, moves)


def _blocks(plane):
    """The pixels of whole blocks, shape (rows, columns, BLOCK * BLOCK)."""
    rows, columns = (n // BLOCK for n in plane.shape)
    if not rows * columns:
        return None
    plane = plane[: rows * BLOCK, : columns * BLOCK].astype(np.float32)
    blocks = plane.reshape(rows, BLOCK, columns, BLOCK).swapaxes(1, 2)
    return blocks.reshape(rows, columns, -1)


def _systematic(phase, moves):
    """What no block shows by itself: a color that moves, or greens that part, at one brightness."""
    greens = [i for i, color in enumerate(phase) if color == "G"]
    parted = moves[greens[0]][0] - moves[greens[1]][0]
    noise = np.hypot(moves[greens[0]][1], moves[greens[1]][1])
    cases = [(name, *move) for name, move in zip(phase, moves)]
    cases.append(("the greens apart", parted, noise, moves[greens[0]][2]))
    for name, moved, noise, light in cases:
        order = np.argsort(light, axis=None)
        share = LIGHT if len(name) == 1 and name != "G" else GREENS
        for part in np.array_split(order, min(BINS, order.size)):
            mean = moved.flat[part].mean()
            error = np.sqrt(np.square(noise.flat[part]).sum()) / part.size
            if abs(mean) > error + CODE + share * light.flat[part].mean():
                return (
                    f"{name} by {mean:+.1f} codes where the light is {light.flat[part].mean():.0f}"
                )
    return None
