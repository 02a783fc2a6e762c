"""Measuring a sensor's noise blind: from one noisy patch alone.

White noise has the same variance in every band of frequencies; texture has less
the higher the band.  So the variance of a high band, block by block over the
blocks' means, is the noise's variance line, raised where there is texture, and a
lower band tells where that is.

Two high bands are measured.  That of the four planes reaches half as far as that of
the mosaic, whose pixels are twice as close; but in the mosaic differences of colour
look like texture.

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

from ..bayer import pack_bayer, unpack_bayer
from .line import NEAR_WHITE, NoiseLine, fit_lines, physical_lines

PLANE_BLOCK = 8  # pixels of one plane; 64 responses of a filter
MOSAIC_BLOCK = 4  # pixels of each of the four planes; 64 responses as well
FREE = 17.0  # 64 responses that overlap count as so many

# of texture's variance in the lower band, the share that the high band has, usually
PLANE_TEXTURE, MOSAIC_TEXTURE = 0.2, 0.1
CUT_OFF = 1.05  # makes up for the robust weights' taking more from above than from below
AGREE = 0.15  # bands whose variances differ by more are not averaged

# of all blocks, shape (N, blocks): mean, variance in the high and in the lower band,
# and how sure it is, in 0-1, that nothing clipped
Band = namedtuple("Band", "mean high low sure")


def estimate_blind(bayer):
    """Fit one variance line to a single noisy patch, all planes together.

    In each of two bands a line is fitted, see `_fit_band`.  Where they agree the
    answer is their mean, where not, the lower one: texture and colour only add.
    On a patch that is fine texture all over the result is too high.  Row noise is
    not seen.

    Parameters
    ----------
    bayer : array, shape (N, H, W) or (H, W), uint16 or float, DN
        H and W even, at least 48.

    Returns
    -------
    NoiseLine of shape (N,) or ()

    Raises
    ------
    ValueError
        If the patch is too small.
    """
    if min(bayer.shape[-2:]) < 48:
        raise ValueError("blind estimation needs 48 x 48 or more, found %d x %d" % bayer.shape[-2:])
    if bayer.ndim == 2:
        return NoiseLine(*(x[0] for x in estimate_blind(bayer[None])))
    planes = pack_bayer(bayer.astype(np.float32))
    inner = planes[..., 1:-1, 1:-1]  # where every filter has its neighbours
    # each plane clips at its own level: some cameras rescale the greens
    top = np.maximum(planes.max((2, 3), keepdims=True), NEAR_WHITE)
    clipped = np.float32(inner <= 0), np.float32(inner >= top)
    blocks = block_means(inner, PLANE_BLOCK)
    darkest = _darkest(planes)
    fits = (
        _fit_band(_plane_band(planes, blocks, clipped), PLANE_TEXTURE, darkest),
        _fit_band(_mosaic_band(planes, blocks, clipped), MOSAIC_TEXTURE, darkest),
    )
    level = np.median(bayer.reshape(len(bayer), -1), 1)
    first, second = (np.maximum(slope * level + offset, 1.0) for slope, offset in fits)
    share = np.clip(0.5 + np.log(first / second) / (2 * AGREE), 0, 1)
    return NoiseLine(*(a + (b - a) * share for a, b in zip(*fits)))


def block_means(x, size):
    """Means over size x size tiles of the last two axes; a rest is left out."""
    rows, columns = x.shape[-2] // size, x.shape[-1] // size
    x = x[..., : rows * size, : columns * size]
    x = np.add.reduceat(x, np.arange(0, rows * size, size), axis=-2)
    x = np.add.reduceat(x, np.arange(0, columns * size, size), axis=-1)
    return x / np.float32(size * size)


def _curvature(x):
    """The second difference in both directions, such that white noise keeps its variance."""
    x = x[..., :-2] + x[..., 2:] - 2 * x[..., 1:-1]
    return (x[..., :-2, :] + x[..., 2:, :] - 2 * x[..., 1:-1, :]) / np.float32(6)


def _fours(x):
    """Sums of 2 x 2 pixels, side by side; a rest is left out."""
    x = x[..., : x.shape[-2] // 2 * 2, : x.shape[-1] // 2 * 2]
    x = x[..., ::2, :] + x[..., 1::2, :]
    return x[..., ::2] + x[..., 1::2]


def _darkest(planes):
    """The darkest light, (N,): pixels can be much darker than blocks; fours hold less noise."""
    fours = _fours(planes)
    return np.sort(fours.reshape(len(fours), -1), 1)[:, fours[0].size // 100] / 4.0


def _band(mean, high, low, zeros, full):
    sure = 1 / (1 + np.square(zeros / 0.03) + np.square(full / 0.01))
    return Band(*(x.reshape(len(x), -1).astype(np.float64) for x in (mean, high, low, sure)))


def _plane_band(planes, blocks, clipped):
    """Each plane for itself; below it, the band of the planes at half their size."""
    fine = _curvature(planes)
    high, mean = block_means(fine * fine, PLANE_BLOCK), blocks.copy()
    high[:, 1] = high[:, 2] = _green_variance(planes[:, 1], planes[:, 2])
    mean[:, 1] = mean[:, 2] = 0.5 * (mean[:, 1] + mean[:, 2])
    coarse = _curvature(_fours(planes)) / np.float32(2)
    low = block_means(coarse * coarse, PLANE_BLOCK // 2)
    # at some sizes one of the bands has a row or a column of blocks more
    rows, columns = (min(sizes) for sizes in zip(high.shape[-2:], low.shape[-2:]))
    parts = [mean, high, low] + [block_means(x, PLANE_BLOCK) for x in clipped]
    return _band(*(x[..., :rows, :columns] for x in parts))


def _green_variance(gr, gb):
    """Variance in each block of a filter over both greens, whose lattice is finer.

    Turned by 45 degrees it is the second difference in both directions.  A
    difference of the two greens' gains shifts its mean, which is taken out.
    """
    around = gb[:, :-1] + gb[:, 1:]
    around = around[:, :-1, 1:-1] + around[:, :-1, 2:]  # the four Gb diagonal to each inner Gr
    axes = gr[:, :-2, 1:-1] + gr[:, 2:, 1:-1] + gr[:, 1:-1, :-2] + gr[:, 1:-1, 2:]
    response = (4 * gr[:, 1:-1, 1:-1] - 2 * around + axes) / np.float32(6)
    mean = block_means(response, PLANE_BLOCK)
    variance = block_means(response * response, PLANE_BLOCK) - mean * mean
    # taking out the mean takes away its own variance, 3 / 64 of a pixel's
    return variance / np.float32(1 - 3.0 / PLANE_BLOCK**2)


def _mosaic_band(planes, blocks, clipped):
    """The mosaic as one grey image; below it, the band of the planes.

    The planes are brought to one contrast first.  Where colours differ, the image
    then has a checkerboard; it is even within a block and is taken out.
    """
    contrast = blocks.reshape(blocks.shape[:2] + (-1,)).std(-1)
    greens = contrast[:, 1:3].mean(1, keepdims=True)
    gain = np.clip(greens / np.maximum(contrast, 1e-3), 0.25, 4.0)[..., None, None]
    fine = pack_bayer(_curvature(unpack_bayer(planes * gain))[:, 1:-1, 1:-1])
    even = block_means(fine, MOSAIC_BLOCK)
    # taking out a block's even part takes away its own share of the variance
    own = (1 + (MOSAIC_BLOCK - 1) / (3.0 * MOSAIC_BLOCK)) ** 2 / MOSAIC_BLOCK**2
    high = (block_means(fine * fine, MOSAIC_BLOCK) - even * even) / np.float32(1 - own)
    coarse = _curvature(planes)
    low = block_means(coarse * coarse, MOSAIC_BLOCK)
    mean = block_means(planes[..., 1:-1, 1:-1], MOSAIC_BLOCK)
    # a pixel's noise was multiplied with its gain: the line holds for means weighted likewise
    total = np.square(gain).mean(1, keepdims=True)
    weight = np.square(gain) / total
    parts = [weight * mean, high / total, weight * low]
    parts += [block_means(x, MOSAIC_BLOCK) for x in clipped]
    return _band(*(x.mean(1) for x in parts))


def _fit_band(band, usual_share, darkest, rounds=8):
    """Fit a variance line to the blocks of one band.

    Where the lower band shows more than noise there is texture, which reaches into
    the high band with a share that the patch itself tells: it is taken off, and such
    blocks count less; so do clipped ones, and those above the line.

    Parameters
    ----------
    band : Band
    usual_share : float
        Of the lower band's texture in the high band, where the patch does not tell.
    darkest : array, shape (N,), DN

    Returns
    -------
    slope, intercept : ndarrays, shape (N,)
    """
    mean, high, low, sure = band
    middle = np.maximum(np.median(mean, 1, keepdims=True), 1.0)
    least = 0.02 * np.maximum(np.quantile(np.maximum(high, low), 0.2, axis=1, keepdims=True), 50.0)
    # from below: texture only ever adds, clipping only takes away
    usable = sure > 0.5
    at = (0.02 * usable.sum(1, keepdims=True)).astype(int)
    variance = np.take_along_axis(np.sort(np.where(usable, high, np.inf), 1), at, 1)
    variance = np.maximum(2 * np.where(usable.any(1, keepdims=True), variance, 0), 1.0)
    variance = variance * np.maximum(mean / middle, 0.2)
    for _ in range(rounds):
        rise = np.maximum(low / variance - 1, 0)
        texture = variance * rise**3 / (rise**2 + 1)  # in the lower band; noise alone is none
        # learnt as if a hundred blocks had shown the usual share before
        strong = sure * (rise > 1.5) / np.square(variance + 0.3 * texture)
        square = (strong * np.square(texture)).sum(1) + 100
        product = (strong * texture * (high - variance)).sum(1) + 100 * usual_share
        share = np.clip(product / square, 0.02, 0.5)[:, None]
        rest = np.maximum(high - share * texture, 0.2 * variance)
        spread = 2 / FREE * np.square(variance) + np.square(share * texture)
        excess = np.maximum(rest - variance, 0) / np.sqrt(spread)
        weight = sure / (spread * (1 + (excess / 1.5) ** 4))
        slope, intercept = fit_lines(mean, CUT_OFF * rest, weight)
        slope, intercept = physical_lines(slope, intercept, weight, mean, CUT_OFF * rest, darkest)
        variance = np.maximum(slope[:, None] * mean + intercept[:, None], least)
    return slope, intercept
