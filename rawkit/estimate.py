"""Measuring a sensor's noise: from pairs of noisy patch and ground truth, or blind.

Both fit the variance line  var = shot_noise * mean + intercept.  The line alone
holds intercept = read_noise_var - shot_noise * black_level; the two are told
apart only where pixels without light show the black level.

References
----------
Foi, Trimeche, Katkovnik, Egiazarian: "Practical Poissonian-Gaussian noise
modeling and fitting for single-image raw-data", IEEE Trans. Image Processing 2008
(local means against robust local variances, clipping, the line's fit).
Immerkaer: "Fast noise variance estimation", Computer Vision and Image
Understanding 1996 (the second difference in both directions).
"""

from collections import namedtuple

import numpy as np

from .bayer import pack_bayer, unpack_bayer

BLOCK = 4  # pixels of a plane; blocks are BLOCK x BLOCK of all four
FLOOR_GAP = 8.0  # DN; planes whose darkest pixels agree to this have seen no light there

TEXTURE_SHARE = 0.1  # of texture's mid-band variance that the high band has, usually
CUT_OFF = 1.05  # makes up for the robust weights' taking more from above than from below

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


def _fit_lines(mean, variance, weight):
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


# ---------------------------------------------------------------- from pairs


def estimate_pairs(noisy, gt, rounds=5):
    """Fit the variance line of each patch and plane from the squared residuals.

    Pixels within four standard deviations of a clip are left out; residuals
    count up to four standard deviations.  Where less than 2 % of the pixels
    remain, all are used, the clipped variance is what is measured, and the
    covariance is infinite.

    Parameters
    ----------
    noisy, gt : arrays, shape (N, H, W), uint16 or float, DN

    Returns
    -------
    NoiseLine of shape (N, 4), planes R, Gr, Gb, B
        `read_noise_var` includes the variance of quantisation.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if noisy.shape != gt.shape or noisy.ndim != 3:
        raise ValueError(
            "noisy and gt need one shape (N, H, W), found %s and %s" % (noisy.shape, gt.shape)
        )
    noisy, gt = (pack_bayer(np.asarray(x, np.float64)) for x in (noisy, gt))
    noisy, gt = noisy.reshape(noisy.shape[:2] + (-1,)), gt.reshape(gt.shape[:2] + (-1,))
    square = np.square(noisy - gt)
    clip_low, clip_high = _clip_levels(noisy)
    mean = np.clip(square.mean(-1, keepdims=True), 1.0, None) + 0 * gt
    variance = mean
    for _ in range(rounds):
        reach = 4 * np.sqrt(variance)
        free = (gt - reach > clip_low) & (gt + reach < clip_high)
        enough = free.sum(-1, keepdims=True) > 0.02 * free.shape[-1]
        weight = np.where(enough, free, True) / (2 * np.square(variance))
        slope, intercept, covariance = _fit_lines(gt, np.minimum(square, 16 * variance), weight)
        slope, intercept = _physical(slope, intercept, weight, gt, square)
        variance = np.maximum(slope[..., None] * gt + intercept[..., None], 0.02 * mean)
    covariance = np.where(enough[..., None], covariance, np.inf)
    # no light leaves not one dark pixel but many alike
    dark = np.sort(gt, -1)[..., : max(gt.shape[-1] // 64, 16)]
    alike = np.ptp(dark, -1).max(-1) < FLOOR_GAP
    black = _black_level(dark.mean(-1), alike, np.isfinite(clip_low).any((1, 2)))
    black = np.broadcast_to(black[:, None], slope.shape)
    return NoiseLine(slope, intercept, covariance, black, intercept + slope * black)


def _clip_levels(noisy):
    """Where the noisy pixels of each plane pile up, DN; infinite where they do not."""
    low, high = noisy.min(-1, keepdims=True), noisy.max(-1, keepdims=True)
    pile = 1e-3 * noisy.shape[-1]
    at_low = (low <= 0) & ((noisy == low).sum(-1, keepdims=True) > pile)
    at_high = (high > NEAR_WHITE) & ((noisy == high).sum(-1, keepdims=True) > pile)
    return np.where(at_low, low, -np.inf), np.where(at_high, high, np.inf)


def _physical(slope, intercept, weight, mean, variance, darkest=np.inf):
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


def _black_level(floor, alike, clipped):
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


# --------------------------------------------------------------------- blind


def _second_difference(x, axis):
    """x[i-1] - 2 x[i] + x[i+1] along one of the last two axes; two shorter."""
    if axis == -1:
        return x[..., :-2] + x[..., 2:] - 2 * x[..., 1:-1]
    return x[..., :-2, :] + x[..., 2:, :] - 2 * x[..., 1:-1, :]


def _block_means(x, block=BLOCK):
    """Means over block x block tiles of the last two axes; a rest is left out."""
    rows, columns = x.shape[-2] // block, x.shape[-1] // block
    x = x[..., : rows * block, : columns * block]
    x = np.add.reduceat(x, np.arange(0, rows * block, block), axis=-2)
    x = np.add.reduceat(x, np.arange(0, columns * block, block), axis=-1)
    return x / np.float32(block * block)


def _curvature(x):
    """The second difference in both directions, such that white noise keeps its variance."""
    return _second_difference(_second_difference(x, -1), -2) / np.float32(6)


def _gains(blocks):
    """What brings each plane to the greens' contrast, (N, 4, 1, 1), from means of blocks."""
    contrast = blocks.reshape(blocks.shape[:2] + (-1,)).std(-1)
    greens = contrast[:, 1:3].mean(1, keepdims=True)
    return np.clip(greens / np.maximum(contrast, 1e-3), 0.25, 4.0)[..., None, None]


def _block_statistics(bayer):
    """Mean, high-band and mid-band variance, share of clipped pixels of all blocks, (N, M).

    Then means of larger blocks, (N, 4, rows, columns), and the darkest light, (N,).

    White noise gives the same variance in both bands and independent errors;
    texture gives more in the mid band.  The mid band is the planes' highest.  The
    high band is that of the mosaic, whose pixels are twice as close: planes of one
    gain make a grey image of it.  Where colours differ, that image has a
    checkerboard; it is even within a block and is taken out.
    """
    planes = pack_bayer(bayer.astype(np.float32))
    inner = planes[..., 1:-1, 1:-1]
    blocks = _block_means(inner, 2 * BLOCK)
    gain = _gains(blocks)
    fine = pack_bayer(_curvature(unpack_bayer(planes * gain))[:, 1:-1, 1:-1])
    coarse = _curvature(planes)
    even = _block_means(fine)
    # taking out a block's even part takes away its own share of the variance
    own = (1 + (BLOCK - 1) / (3.0 * BLOCK)) ** 2 / BLOCK**2
    high = (_block_means(fine * fine) - even * even) / np.float32(1 - own)
    # a pixel's noise is multiplied with its gain: the line holds for means weighted likewise
    weight = gain**2 / np.square(gain).mean(1, keepdims=True)
    mean, mid = weight * _block_means(inner), weight * _block_means(coarse * coarse)
    high = high / np.square(gain).mean(1, keepdims=True)

    # each plane clips at its own level: some cameras rescale the greens
    top = np.maximum(planes.max((2, 3), keepdims=True), NEAR_WHITE)
    zeros = _block_means((inner <= 0).astype(np.float32))
    full = _block_means((inner >= top).astype(np.float32))
    flat = [x.mean(1).reshape(len(x), -1).astype(float) for x in (mean, high, mid, zeros, full)]
    # pixels can be much darker than blocks; fours of them hold less noise
    half = planes[..., : planes.shape[-2] // 2 * 2, : planes.shape[-1] // 2 * 2]
    half = half[..., ::2, :] + half[..., 1::2, :]
    half = half[..., ::2] + half[..., 1::2]
    darkest = np.sort(half.reshape(len(half), -1), 1)[:, half[0].size // 100] / 4.0
    return flat + [blocks, darkest]


def estimate_blind(bayer, rounds=8):
    """Fit one variance line to a single noisy patch, all planes together.

    The high band's variance in blocks of 8 x 8 pixels of the mosaic is fitted
    over the blocks' means.  Where the mid band shows more than noise there is
    texture, which reaches into the high band with a share that the patch itself
    tells: it is taken off, and such blocks count less; so do clipped ones, and
    those above the line.  On a patch that is fine texture all over the
    result is too high.  Row noise is not seen.

    Parameters
    ----------
    bayer : array, shape (N, H, W) or (H, W), uint16 or float, DN
        H and W at least 48.

    Returns
    -------
    NoiseLine of shape (N,) or ()
        `read_noise_var` includes the variance of quantisation.

    Raises
    ------
    ValueError
        If the patch is too small.
    """
    if min(bayer.shape[-2:]) < 48:
        raise ValueError("blind estimation needs 48 x 48 or more, found %d x %d" % bayer.shape[-2:])
    if bayer.ndim == 2:
        return NoiseLine(*(x[0] for x in estimate_blind(bayer[None], rounds)))
    mean, high, mid, zeros, full, blocks, darkest = _block_statistics(bayer)
    sure = 1 / (1 + np.square(zeros / 0.03) + np.square(full / 0.01))
    middle = np.maximum(np.median(mean, 1, keepdims=True), 1.0)
    least = 0.02 * np.maximum(np.quantile(np.maximum(high, mid), 0.2, axis=1, keepdims=True), 50.0)
    # from below: texture only ever adds, clipping only takes away
    usable = sure > 0.5
    at = (0.02 * usable.sum(1, keepdims=True)).astype(int)
    variance = np.take_along_axis(np.sort(np.where(usable, high, np.inf), 1), at, 1)
    variance = np.maximum(2 * np.where(usable.any(1, keepdims=True), variance, 0), 1.0)
    variance = variance * np.maximum(mean / middle, 0.2)
    for _ in range(rounds):
        rise = np.maximum(mid / variance - 1, 0)
        texture = variance * rise**3 / (rise**2 + 1)  # in the mid band; noise alone is no texture
        # how much of it there is in the high band, learnt from this patch, as if a hundred
        # blocks had shown the usual share before
        strong = sure * (rise > 1.5) / np.square(variance + 0.3 * texture)
        square = (strong * np.square(texture)).sum(1) + 100
        product = (strong * texture * (high - variance)).sum(1) + 100 * TEXTURE_SHARE
        share = np.clip(product / square, 0.02, 0.5)[:, None]
        rest = np.maximum(high - share * texture, 0.2 * variance)
        spread = 2 / 17.0 * np.square(variance) + np.square(share * texture)
        excess = np.maximum(rest - variance, 0) / np.sqrt(spread)
        weight = sure / (spread * (1 + (excess / 1.5) ** 4))
        slope, intercept, inverse = _fit_lines(mean, CUT_OFF * rest, weight)
        slope, intercept = _physical(slope, intercept, weight, mean, CUT_OFF * rest, darkest)
        variance = np.maximum(slope[:, None] * mean + intercept[:, None], least)
    # A block's variance of variance is 2 var**2 / 17: its 64 filter responses overlap
    # and count as 17.
    # Misfit beyond that widens the uncertainty.
    misfit = (weight * np.square(rest - variance)).sum(1) / (sure * (weight > 0)).sum(1)
    covariance = inverse * np.maximum(1, misfit)[:, None, None]

    # a twentieth of the blocks without light, no more different than noise makes them
    blocks = blocks.reshape(len(blocks), 4, -1)
    dark = np.sort(blocks, -1)[..., : max(blocks.shape[-1] // 20, 3)]
    noise = np.sqrt(np.maximum(slope * dark.mean((1, 2)) + intercept, 1)) / (2 * BLOCK)
    alike = (dark.std(-1).max(-1) < noise) & (noise < FLOOR_GAP)
    black = _black_level(dark.mean(-1), alike, zeros.max(1) > 0)
    return NoiseLine(slope, intercept, covariance, black, intercept + slope * black)
