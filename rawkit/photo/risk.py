"""Stein's risk estimate: how much of what a network takes away is noise, without the truth.

Stein's estimate of the risk of  y + a (f(y) - y)  is  a^2 A - 2 a k (1 - D) + const, in units of
the noise's variance, with A the mean square of what is taken away, D the mean derivative of f
and k the noise's true variance over the assumed one; it is least at a = k (1 - D) / A.
Where a network takes fine texture for noise, A is large and the share a falls.

References
----------
Stein: "Estimation of the mean of a multivariate normal distribution", Annals of Statistics 1981.
Ramani, Blu, Unser: "Monte-Carlo SURE: a black-box optimization of regularization parameters for
general denoising algorithms", IEEE Trans. Image Processing 2008 (D by one random change).
"""

import numpy as np

from ..bayer import pack_bayer, unpack_bayer
from .frame import FULL_SCALE
from .measuring import claimed_ratio, factor_at, sample_crops
from .tiles import denoise_mosaic, per_plane

CROPS, CROP = 3, 256  # so many down and across, of so many pixels, are asked
CHANGE = 0.1  # deviations of the noise
TOLERANCE = 0.85  # shares above are taken for 1: the noise itself is known to a few per cent
NEAR_CLIP = 0.98  # of white; what is clipped has no derivative
MOST = 16.0  # times the variance that a file's own profile may claim


def choose_share(model, photo, rggb, noise, white):
    """The share of a network's answer that a frame bears, color by color.

    Parameters
    ----------
    model : a network of `rawkit.nn`
    photo : Photo
        Whose own noise profile, if it has one, may say that there is more noise.
    rggb : array, shape (H, W), float32, DN
    noise : FrameNoise
    white : ndarray, shape (4, 1, 1), DN
        Where each plane clips.

    Returns
    -------
    ndarray, shape (4,), 0-1
        Of the planes R, Gr, Gb, B; both greens share one.
    """
    crops = sample_crops(rggb, CROPS, CROP)
    # regions of a map are gone in a crop: the noise here is that of the line
    plain, factors = noise._replace(factor=None), np.ones(len(crops))
    if noise.factor is not None:
        pixels = unpack_bayer(np.stack([factor_at(noise.factor, rggb)] * 4))
        factors = sample_crops(pixels, CROPS, CROP).mean((1, 2))
    parts = zip(crops, factors)
    sums = sum(_sums(model, crop, plain.scaled(factor), white) for crop, factor in parts)
    sums[:, 1:3] = sums[:, 1:3].mean(1, keepdims=True)
    taken, derivative, whole = sums
    share = (whole - derivative) / np.maximum(taken, 1e-6)
    claimed = np.clip(claimed_ratio(photo, noise.line), 1, MOST)
    return np.clip(claimed * share / TOLERANCE, 0, 1)


def _sums(model, crop, noise, white):
    """Sums over a crop's pixels, color by color: of what is taken, D, and 1; shape (3, 4)."""
    clean = denoise_mosaic(model, crop, noise, white)
    slope, intercept = per_plane(noise.line)
    deviation = np.sqrt(np.maximum(slope * pack_bayer(clean) + intercept, 1.0))
    signs = np.random.default_rng(0).choice(np.float32([-1, 1]), deviation.shape)
    changed = crop + unpack_bayer(np.float32(CHANGE) * signs * deviation)
    moved = pack_bayer(denoise_mosaic(model, changed, noise, white) - clean)
    variance, taken = np.square(deviation), np.square(pack_bayer(clean - crop))
    # each pixel counts by its own noise, but none in the dark for more than the usual one
    unclipped = pack_bayer(crop) < NEAR_CLIP * np.minimum(white, FULL_SCALE)
    weight = unclipped / (variance + np.median(variance))
    derivative = signs * moved / (CHANGE * deviation)
    values = taken * weight, derivative * variance * weight, variance * weight
    return np.array([x.sum((1, 2), dtype=np.float64) for x in values])
