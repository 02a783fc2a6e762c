"""Pixels that are no photograph: hot, dead and stuck ones, alone, in pairs, in columns.

A network smears them over their neighborhood, and a converter that is told to repair a marked
pixel no longer finds it.  So they are set aside, and written back as they were.
"""

import numpy as np

HOT = np.float32(8.0)  # deviations of noise beyond the neighbors of the same color
COLUMN = 0.9  # share of a column's pixels that lie beyond both neighbors, on one side
LEAST_COLUMN = 64  # pixels; of shorter columns it may be chance
AROUND = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)]


def find_defects(packed, variance):
    """Find defects in the planes of a mosaic.

    A pixel is one if it lies beyond all eight neighbors of its color but one, so that pairs
    are found as well, and lines of the scene are not.

    Parameters
    ----------
    packed : array, shape (4, h, w), float32
    variance : function (plane number, values) -> the noise's variance

    Returns
    -------
    where : ndarray of bool, shape (4, h, w)
    repaired : ndarray, shape (4, h, w), float32
        `packed` with the median of its neighbors in place of a defect.
    """
    where, repaired = np.zeros(packed.shape, bool), packed.copy()
    for i, plane in enumerate(packed):
        padded = np.pad(plane, 1, mode="reflect")
        for y, x in _candidates(padded, plane, lambda values, i=i: variance(i, values)):
            around = np.sort([padded[y + 1 + dy, x + 1 + dx] for dy, dx in AROUND])
            bound = HOT * np.sqrt(max(variance(i, around[3:5].mean()), 1.0))
            if plane[y, x] > around[-2] + bound or plane[y, x] < around[1] - bound:
                where[i, y, x] = True
                repaired[i, y, x] = around[3:5].mean()
        for x in _columns(plane):
            where[i, :, x] = True
            repaired[i, :, x] = (plane[:, x - 1] + plane[:, x + 1]) / 2
    return where, repaired


def _candidates(padded, plane, variance):
    """Places that stand far off the mean of their neighbors, the farthest one left out."""
    total, most = np.zeros_like(plane), np.full_like(plane, -np.inf)
    least = np.full_like(plane, np.inf)
    for dy, dx in AROUND:
        shifted = padded[1 + dy : 1 + dy + plane.shape[0], 1 + dx : 1 + dx + plane.shape[1]]
        total += shifted
        np.maximum(most, shifted, out=most)
        np.minimum(least, shifted, out=least)
    bound = HOT * np.sqrt(np.maximum(variance(total / 8), 1.0))
    high = plane - (total - most) / 7 > bound
    low = (total - least) / 7 - plane > bound
    return np.argwhere(high | low)


def _columns(plane):
    """Columns that lie beyond both neighbors, on one side, nearly everywhere: dead or hot ones."""
    if len(plane) < LEAST_COLUMN or plane.shape[1] < 5:
        return []
    middle = plane[:, 1:-1]
    above = (middle > np.maximum(plane[:, :-2], plane[:, 2:])).mean(0)
    below = (middle < np.minimum(plane[:, :-2], plane[:, 2:])).mean(0)
    return list(np.flatnonzero(np.maximum(above, below) > COLUMN) + 1)
