"""The variance line of a sensor, var = shot_noise * mean + intercept, and its fit to data.

The intercept is the variance at 0 DN: read_noise_var - shot_noise * black_level.
"""

from collections import namedtuple

import numpy as np

NEAR_WHITE = 0.85 * 65535  # DN; nearly all white levels lie above


class NoiseLine(namedtuple("NoiseLine", "shot_noise intercept")):
    """A variance line, var = shot_noise * mean + intercept.

    Attributes
    ----------
    shot_noise, intercept : ndarrays, shape (...)
        The slope in DN, and the variance at mean 0 in DN**2 (may be negative): it is
        read_noise_var - shot_noise * black_level.
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
    slope, intercept = (np.asarray(x)[..., None, None] for x in line)
    return np.maximum(slope * mean + intercept, 1.0)


def fit_lines(mean, variance, weight):
    """Weighted straight lines over the last axis: slope and intercept."""
    scale = np.maximum(np.abs(mean).max(-1, keepdims=True), 1.0)
    x = mean / scale
    total = weight.sum(-1)
    center = (weight * x).sum(-1) / total
    spread = (weight * np.square(x - center[..., None])).sum(-1) + 1e-9 * total
    level = (weight * variance).sum(-1) / total
    slope = (weight * (x - center[..., None]) * variance).sum(-1) / spread
    return slope / scale[..., 0], level - slope * center


def physical_lines(slope, intercept, weight, mean, variance, darkest=np.inf):
    """Turn lines that cannot be about their center, where the level stays.

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
