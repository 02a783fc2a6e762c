"""Measuring a sensor's noise blind: from one noisy patch alone.

White noise has the same variance in every band of frequencies; texture has less
the higher the band.  So the variance of a high band, block by block over the
blocks' means, is the noise's variance line, raised where there is texture, and a
lower band tells where that is.  Fine texture all over the patch still raises the
line; it leaves signs, by which the line is lowered in the end.

References
----------
Foi, Trimeche, Katkovnik, Egiazarian: "Practical Poissonian-Gaussian noise
modeling and fitting for single-image raw-data", IEEE Trans. Image Processing 2008
(local means against robust local variances, clipping, the line's fit).
"""

import numpy as np

from .bands import split_bands
from .line import NoiseLine, fit_lines, physical_lines
from .tuning import TUNED

FREE = 17.0  # the 64 responses of a block overlap and count as so many
LEAST_SIZE = 48  # pixels


def estimate_blind(bayer):
    """Fit one variance line to a single noisy patch, all planes together.

    In each of two bands a line is fitted, see `_fit_bands`.  Where they agree the
    answer is their mean, where not, the lower one: texture and color only add.
    Blocks that clipped or hold one value say nothing, the others decide.  Row noise
    is not seen.

    Parameters
    ----------
    bayer : array, shape (N, H, W) or (H, W), uint16 or float, DN
        H and W even, at least 48.

    Returns
    -------
    NoiseLine of shape (N,) or ()
        NaN where nothing in the patch tells: it is of one value, or clipped all over.

    Raises
    ------
    ValueError
        If the patch is too small, or holds NaN or infinity.
    """
    if min(bayer.shape[-2:]) < LEAST_SIZE:
        raise ValueError(f"found a mosaic of shape {bayer.shape}, expected at least 48 x 48 pixels")
    if bayer.ndim == 2:
        return NoiseLine(*(x[0] for x in estimate_blind(bayer[None])))
    if not np.isfinite(np.sum(bayer, dtype=np.float64)):
        raise ValueError("found NaN or infinity in a mosaic, expected numbers in 0-65535")
    *bands, darkest = split_bands(bayer)
    tells = np.array([(band.sure > 0).sum(1) >= TUNED.least for band in bands])
    fits = _fit_bands(bands, (TUNED.plane_texture, TUNED.mosaic_texture), darkest)
    level = _quantile(bands[0].mean, _surest(bands[0].sure), 0.5)[:, 0]
    first, second = (np.maximum(slope * level + offset, 1.0) for slope, offset in fits)
    apart = np.log(first / second)
    share = np.clip(0.5 + apart / (2 * TUNED.agree), 0, 1)
    share = np.where(tells.all(0), share, tells[1])
    slope, intercept = (a + (b - a) * share for a, b in zip(*fits))
    factor = _correction(bands, np.where(tells.all(0), apart, 0), slope, intercept)
    factor = np.where(tells.any(0), factor, np.nan)
    return NoiseLine(factor * slope, factor * intercept)


def _quantile(values, usable, share):
    """Of the usable values of each row, shape (M, 1); 0 where there is none."""
    count = usable.sum(1, keepdims=True)
    at = np.minimum((share * count).astype(int), values.shape[1] - 1)
    ordered = np.partition(np.where(usable, values, np.inf), np.unique(at), 1)  # sorted at `at`
    return np.where(count > 0, np.take_along_axis(ordered, at, 1), 0)


def _surest(sure):
    """Which blocks are as good as free of clipping; at least the best twentieth."""
    best = sure.shape[1] // 20
    best = np.partition(sure, -best, 1)[:, -best, None]
    return (sure >= np.minimum(best, 0.5)) & (sure > 0)


def _fit_bands(bands, usual, darkest):
    """Fit a variance line to the blocks of each band.

    Where the lower band shows more than noise there is texture, which reaches into
    the high band with a share that the patch itself tells: it is taken off, and such
    blocks count less; so do clipped ones, and those above the line.

    Parameters
    ----------
    bands : two Bands
    usual : two floats
        Share of the lower band's texture in the high band, where the patch does not tell.
    darkest : array, shape (N,), DN

    Returns
    -------
    two NoiseLines of shape (N,)
    """
    t, n = TUNED, len(darkest)
    darkest, usual = np.tile(darkest, 2), np.repeat(usual, n)[:, None]
    mean, high, low, sure = _stack(bands)
    usable = _surest(sure)
    middle = np.maximum(_quantile(mean, usable, 0.5), 1.0)
    least = 0.02 * np.maximum(_quantile(np.maximum(high, low), usable, 0.2), 50.0)
    sure = np.maximum(sure, 1e-12)  # where nothing tells there is a line too, of no use
    # from below: texture only ever adds, clipping only takes away
    variance = np.maximum(2 * _quantile(high, usable, 0.02), 1.0)
    variance = variance * np.maximum(mean / middle, 0.2)
    for _ in range(t.rounds):
        rise = np.maximum(low / variance - 1, 0)
        square = rise * rise
        texture = variance * rise * (square / (square + 1))  # in the lower band
        # learnt as if `prior` blocks had shown the usual share before
        strong = sure * (rise > t.strong) / np.square(variance + t.spread * texture)
        strong *= texture
        total = (strong * texture).sum(1, keepdims=True) + t.prior
        product = (strong * (high - variance)).sum(1, keepdims=True) + t.prior * usual
        texture *= np.clip(product / total, *t.share)  # in the high band
        rest = np.maximum(high - texture, 0.2 * variance)
        spread = 2 / FREE * np.square(variance) + np.square(texture)
        excess = np.square(np.maximum(rest - variance, 0)) / (t.robust**2 * spread)
        weight = sure / (spread * (1 + np.square(excess)))
        raised = t.cut_off * rest
        slope, intercept = fit_lines(mean, raised, weight)
        slope, intercept = physical_lines(slope, intercept, weight, mean, raised, darkest)
        variance = np.maximum(slope[:, None] * mean + intercept[:, None], least)
    return [NoiseLine(slope[part], intercept[part]) for part in (slice(n), slice(n, None))]


def _stack(bands):
    """Two bands one below the other; where one has fewer blocks, some that do not count."""
    most = max(band.mean.shape[1] for band in bands)
    padded = ([np.pad(x, ((0, 0), (0, most - x.shape[1]))) for x in band] for band in bands)
    return map(np.concatenate, zip(*padded))


def _correction(bands, apart, slope, intercept):
    """Factor on the line, (N,), from the signs that fine texture all over leaves."""
    signs = _signs(bands, apart, slope, intercept)
    return np.exp(np.clip(np.dot(TUNED.correction, signs), *TUNED.limits))


def _signs(bands, apart, slope, intercept):
    """Two logarithms, (2, N): how far the two bands' fits lie apart, and what the mosaic's
    high band has in its median block over the line's variance.
    """
    line = np.maximum(slope[:, None] * bands[1].mean + intercept[:, None], 1.0)
    middle = _quantile(bands[1].high / line, _surest(bands[1].sure), 0.5)[:, 0]
    return np.array([apart, np.log(np.maximum(middle, 0.1))])
