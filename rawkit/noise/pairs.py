"""A sensor's noise from pairs of noisy patch and ground truth.

The variance line  var = shot_noise * mean + intercept, fitted to the squared residuals.

References
----------
Foi, Trimeche, Katkovnik, Egiazarian: "Practical Poissonian-Gaussian noise
modeling and fitting for single-image raw-data", IEEE Trans. Image Processing 2008
(clipping, the line's fit).
"""

import numpy as np

from ..bayer import pack_bayer
from .line import NEAR_WHITE, NoiseLine, fit_lines, physical_lines

PIECE = 16  # patches fitted at a time: of 256 x 256 pixels some 100 MiB


def estimate_pairs(noisy, gt):
    """Fit the variance line of each patch and plane from the squared residuals.

    Pixels within four standard deviations of a clip are left out; residuals
    count up to four standard deviations.  Where less than 2 % of the pixels
    remain, all are used, and the clipped variance is what is measured.

    Parameters
    ----------
    noisy, gt : arrays, shape (N, H, W), uint16 or float, DN

    Returns
    -------
    NoiseLine of shape (N, 4), planes R, Gr, Gb, B

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if noisy.shape != gt.shape or noisy.ndim != 3:
        raise ValueError(f"noisy and gt need one shape (N, H, W): {noisy.shape}, {gt.shape}")
    pieces = [slice(i, i + PIECE) for i in range(0, max(1, len(noisy)), PIECE)]
    parts = [_fit_pairs(noisy[piece], gt[piece]) for piece in pieces]
    return NoiseLine(*map(np.concatenate, zip(*parts)))


def _fit_pairs(noisy, gt):
    noisy, gt = (pack_bayer(np.float64(x)).reshape(len(x), 4, -1) for x in (noisy, gt))
    square = np.square(noisy - gt)
    clip_low, clip_high = _clip_levels(noisy)
    mean = np.clip(square.mean(-1, keepdims=True), 1.0, None) + 0 * gt
    variance = mean
    for _ in range(5):  # each time weighed by the line before
        reach = 4 * np.sqrt(variance)
        free = (gt - reach > clip_low) & (gt + reach < clip_high)
        enough = free.sum(-1, keepdims=True) > 0.02 * free.shape[-1]
        weight = np.where(enough, free, True) / (2 * np.square(variance))
        slope, intercept = fit_lines(gt, np.minimum(square, 16 * variance), weight)
        slope, intercept = physical_lines(slope, intercept, weight, gt, square)
        variance = np.maximum(slope[..., None] * gt + intercept[..., None], 0.02 * mean)
    return slope, intercept


def _clip_levels(noisy):
    """Where the noisy pixels of each plane pile up, DN; infinite where they do not."""
    low, high = noisy.min(-1, keepdims=True), noisy.max(-1, keepdims=True)
    pile = 1e-3 * noisy.shape[-1]
    at_low = (low <= 0) & ((noisy == low).sum(-1, keepdims=True) > pile)
    at_high = (high > NEAR_WHITE) & ((noisy == high).sum(-1, keepdims=True) > pile)
    return np.where(at_low, low, -np.inf), np.where(at_high, high, np.inf)
