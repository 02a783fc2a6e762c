"""The variance line of a sensor, var = shot_noise * mean + intercept, fitted to data."""

from collections import namedtuple

import numpy as np

FLOOR_GAP = 8.0  # DN; planes whose darkest pixels agree to this have seen no light there
NEAR_WHITE = 0.85 * 65535  # DN; white levels lie above

NoiseLine = namedtuple("NoiseLine", "shot_noise intercept covariance black_level read_noise_var")
NoiseLine.__doc__ = """A variance line, var = shot_noise * mean + intercept, in DN and DN**2.

Attributes
----------
shot_noise, intercept : ndarrays, shape (...)
    The slope in DN and the variance at mean 0 in DN**2 (may be negative).
covariance : ndarray, shape (..., 2, 2)
    Of slope and intercept.
black_level, read_noise_var : ndarrays, shape (...)
    NaN where no dark pixel identifies them.
"""


def line_variance(line, mean):
    """Variance at a mean, in DN**2; never below 1.

    Parameters
    ----------
    line : NoiseLine
        Of arrays with shape (...).
    mean : array, shape (..., H, W), DN, black level included

    Returns
    -------
    ndarray, shape (..., H, W)
    """
    slope, intercept = (np.asarray(x)[..., None, None] for x in line[:2])
    return np.maximum(slope * mean + intercept, 1.0)


def fit_lines(mean, variance, weight):
    """Weighted straight lines over the last axis; slope, intercept and the weights' inverse."""
    scale = np.maximum(np.abs(mean).max(-1, keepdims=True), 1.0)
    x = mean / scale
    total = weight.sum(-1)
    center = (weight * x).sum(-1) / total
    spread = (weight * np.square(x - center[..., None])).sum(-1) + 1e-9 * total
    level = (weight * variance).sum(-1) / total
    slope = (weight * (x - center[..., None]) * variance).sum(-1) / spread
    scale = scale[..., 0]
    # covariance of (slope, intercept) if `weight` is the inverse variance of the data
    a, b = 1 / spread, center / spread
    inverse = np.array([[a / scale**2, -b / scale], [-b / scale, 1 / total + center * b]])
    inverse = np.moveaxis(inverse, (0, 1), (-2, -1))
    return slope / scale, level - slope * center, inverse


def physical_lines(slope, intercept, weight, mean, variance, darkest=np.inf):
    """Turn lines that cannot be about their centre, where the level stays.

    Least slope: a tenth of variance over mean.  Greatest: the darkest light seen
    keeps a twentieth of the variance, as black cannot lie above it.
    """
    total = weight.sum(-1)
    center = (weight * mean).sum(-1) / total
    level = (weight * variance).sum(-1) / total
    least = 0.1 * level / np.maximum(center, 1.0)
    most = np.maximum(0.95 * level / np.maximum(center - darkest, 1.0), least)
    possible = np.clip(slope, least, most)
    return possible, np.where(possible == slope, intercept, level - possible * center)


def black_level_of(floor, alike, clipped):
    """The darkest values of planes that see different light agree only at black.

    Parameters
    ----------
    floor : array, shape (N, planes), DN
        Means of the darkest values.
    alike : array of bool, shape (N,)
        Whether these differ no more among themselves than without light.
    clipped : array of bool, shape (N,)
        Pixels clipped at 0 lift the floor: then it must itself be close to 0.

    Returns
    -------
    ndarray, shape (N,), DN; NaN where not identifiable
    """
    black = floor.min(-1)
    known = alike & (np.ptp(floor, -1) < FLOOR_GAP) & (~clipped | (black < 2 * FLOOR_GAP))
    return np.where(known, black, np.nan)
