"""Defective pixels of a photograph: hot, dead and stuck ones, alone, in pairs, in columns.

A network smears them over their neighborhood, and a converter that is told to repair a marked
pixel no longer finds it.  So they are set aside, and written back as they were.
"""

import numpy as np

from .frame import CELL

HOT = np.float32(8.0)  # deviations of noise beyond the neighbors of the same color
COLUMN = 0.9  # share of a column's pixels that lie beyond both neighbors, on one side
LEAST_COLUMN = 64  # pixels; of shorter columns it may be chance
STRIP = 32  # rows at a time, which a processor's cache holds
AROUND = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)]


def find_defects(rggb, noise):
    """Find defects in a mosaic.

    A pixel is one if it lies beyond all eight neighbors of its color but one, so that pairs
    are found as well, and lines of the scene are not.

    Parameters
    ----------
    rggb : array, shape (H, W), float32; H and W even
    noise : FrameNoise

    Returns
    -------
    where : ndarray of bool, shape (H, W)
    repaired : ndarray, shape (H, W), float32
        `rggb` with the median of its neighbors in place of a defect.
    """
    real = max(noise.flat, 1.0) ** 2  # where a camera smoothed it, the line lies too low
    where, repaired = np.zeros(rggb.shape, bool), rggb.copy()
    for i, (y0, x0) in enumerate(CELL):
        plane, found, new = (x[y0::2, x0::2] for x in (rggb, where, repaired))
        padded = np.pad(plane, 1, mode="reflect")
        line = [real * x[i] for x in noise.line]
        for y, x in _candidates(padded, line):
            around = np.sort([padded[y + 1 + dy, x + 1 + dx] for dy, dx in AROUND])
            middle = around[3:5].mean()
            bound = _bound(line, middle)
            if plane[y, x] > around[-2] + bound or plane[y, x] < around[1] - bound:
                found[y, x], new[y, x] = True, middle
        for x in _columns(padded[1:-1, 1:-1]):
            found[:, x], new[:, x] = True, (plane[:, x - 1] + plane[:, x + 1]) / 2
    return where, repaired


def _bound(line, values):
    """How far beyond its neighbors a pixel may lie, at their value."""
    return HOT * np.sqrt(np.maximum(line[0] * values + line[1], 1.0))


def _candidates(padded, line):
    """Places that stand far off the mean of their neighbors, the farthest one left out."""
    places = []
    for top in range(0, len(padded) - 2, STRIP):
        strip = padded[top : top + STRIP + 2]
        height, width = strip.shape[0] - 2, strip.shape[1] - 2
        around = [strip[1 + y : 1 + y + height, 1 + x : 1 + x + width] for y, x in AROUND]
        total, most, least = (ufunc.reduce(around) for ufunc in (np.add, np.maximum, np.minimum))
        plane, bound = strip[1:-1, 1:-1], _bound(line, total / 8)
        far = (plane - (total - most) / 7 > bound) | ((total - least) / 7 - plane > bound)
        places.append(np.argwhere(far) + (top, 0))
    return np.concatenate(places)


def _columns(plane):
    """Columns that lie beyond both neighbors, on one side, nearly everywhere: dead or hot ones."""
    if len(plane) < LEAST_COLUMN:
        return []
    middle = plane[:, 1:-1]
    above = (middle > np.maximum(plane[:, :-2], plane[:, 2:])).mean(0)
    below = (middle < np.minimum(plane[:, :-2], plane[:, 2:])).mean(0)
    return list(np.flatnonzero(np.maximum(above, below) > COLUMN) + 1)
