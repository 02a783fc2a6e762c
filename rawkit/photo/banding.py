"""Finding banding: rows or columns that are brighter or darker as a whole; a network leaves it.

What a readout adds to a row is the same at its left and its right end; what the scene shows there
hardly ever is.  So only what both halves of a frame agree on is taken for banding.
"""

import numpy as np
from scipy.fft import dct, idct

LEAST = 0.3  # of the noise's deviation; less is not seen in a picture
SAMPLES = 4096  # pixels of a row: its offset is then known to 0.03 deviations of the noise
SHORTEST = 32  # pixels
SLOW = 0.02  # the slowest changes from row to row are the scene's: cut below some 20 rows
EDGE = 8.0  # deviations; beyond is an edge of the scene that runs through the whole frame
WHITE = 1.5  # variance of x[i] - (x[i-1] + x[i+1]) / 2 over that of x, where x is white
MEDIAN_SQUARE = 0.455  # of a normal variable


def find_banding(rggb, noise):
    """Find the offsets of rows and of columns.

    Parameters
    ----------
    rggb : array, shape (H, W), float32, DN; H and W even
    noise : FrameNoise

    Returns
    -------
    offsets : tuple of two ndarrays, shapes (H, 1) and (1, W), float32, DN
        Zeros where banding does not stand out.
    strength : tuple of two floats
        The deviation of rows and of columns over that of the noise at the frame's median.
    """
    slope, intercept = (float(np.mean(x)) for x in noise.line)
    variance = slope * float(np.median(rggb[::4, ::3])) + intercept
    rows, across = _offsets(rggb)
    columns, down = _offsets(rggb.T)
    strength = tuple(size / max(variance, 1.0) ** 0.5 for size in (across, down))
    rows, columns = (x * (s >= LEAST) for x, s in zip((rows, columns), strength))
    return (rows[:, None], columns[None]), strength


def _offsets(mosaic):
    """The offset of each row, shape (H,), float32, and their deviation."""
    offsets = np.zeros(len(mosaic), np.float32)
    if min(mosaic.shape) < SHORTEST:
        return offsets, 0.0
    step = -(-mosaic.shape[1] // SAMPLES)
    used = mosaic[:, :: step + 1 - step % 2]  # an odd step, so that both colors are seen
    half = used.shape[1] // 2
    sizes = []
    for first in (0, 1):
        rows = used[first::2]
        padded = np.pad(rows, ((1, 1), (0, 0)), "symmetric")
        change = rows - (padded[:-2] + padded[2:]) / 2
        left, right = np.median(change[:, :half], 1), np.median(change[:, half:], 1)
        shared = np.median(np.square(left + right)) - np.median(np.square(left - right))
        size = (max(float(shared), 0) / 4 / MEDIAN_SQUARE / WHITE) ** 0.5
        mean = (left + right) / 2
        mean[np.abs(mean) > EDGE * size] = 0
        gain = 1 - np.cos(np.pi * np.arange(len(rows)) / len(rows))  # of `change`, wave by wave
        offsets[first::2] = idct(dct(mean) * gain / (gain**2 + SLOW))
        sizes.append(size)
    return offsets, float(np.mean(sizes))
