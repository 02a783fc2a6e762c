"""High and low bands of frequencies, block by block: what the blind estimate looks at.

References
----------
Immerkaer: "Fast noise variance estimation", Computer Vision and Image
Understanding 1996 (the second difference in both directions).
"""

import functools
from collections import namedtuple

import numpy as np
from scipy.ndimage import maximum_filter

from ..bayer import pack_bayer
from .line import NEAR_WHITE
from .tuning import TUNED

BLOCK = 8  # pixels; of one plane, or of the mosaic: 64 responses of a filter either way


class Band(namedtuple("Band", "mean high low sure")):
    """All blocks of some patches, arrays of shape (N, blocks), float64.

    Attributes
    ----------
    mean : DN
    high, low : DN**2
        Variance in the band and in the one below it.
    sure : 0-1
        How little clipped in the block; 0 where it tells nothing.
    """


def split_bands(bayer):
    """Measure two high bands of mosaics, each with the band below it.

    That of the four planes reaches half as far as that of the mosaic, whose pixels are
    twice as close; but in the mosaic differences of color look like texture.

    Parameters
    ----------
    bayer : array, shape (N, H, W), DN

    Returns
    -------
    planes, mosaic : Band
    darkest : ndarray, shape (N,), DN
        The darkest light.
    """
    bayer = np.asarray(bayer, np.float32)
    packed = pack_bayer(bayer)
    fours, clipped = _fours(packed), _clipped(packed)
    blocks = block_means(packed[..., 1:-1, 1:-1], BLOCK)
    squares = np.square(_curvature(packed))
    planes = _plane_band(packed, squares, fours, blocks, clipped)
    return planes, _mosaic_band(bayer, squares, blocks, clipped), _darkest(fours, clipped[0])


@functools.lru_cache(maxsize=64)
def _averages(length, size, phases):
    """A matrix whose product with sums of a block's rows of pixels is the means of its blocks.

    Shape (length, phases * blocks); a rest is left out.  With 2 phases the even pixels of
    each block come first, then the odd ones.
    """
    blocks = length // size
    pixel = np.arange(blocks * size)
    matrix = np.zeros((length, phases * blocks), np.float32)
    matrix[pixel, pixel % phases * blocks + pixel // size] = (phases / size) ** 2
    return matrix


def block_means(x, size, phases=1):
    """Means over size x size tiles of the last two axes; a rest is left out.

    Parameters
    ----------
    x : array, shape (..., H, W), float32
    size : int
    phases : 1 or 2
        2: each of the four colors of a mosaic for itself.

    Returns
    -------
    ndarray, shape (..., rows, columns), or (..., 4, rows, columns)
    """
    lead, rows, columns = x.shape[:-2], x.shape[-2] // size, x.shape[-1] // size
    # down first, which adds whole rows; across, a matrix product is faster than sums
    shape = lead + (rows, size // phases, x.shape[-1])
    down = [x[..., i : rows * size : phases, :].reshape(shape).sum(-2) for i in range(phases)]
    x = np.stack(down, -3) @ _averages(x.shape[-1], size, phases)
    if phases == 1:
        return x[..., 0, :, :]
    x = np.moveaxis(x.reshape(lead + (phases, rows, phases, columns)), -2, -3)
    return x.reshape(lead + (4, rows, columns))


def _curvature(x):
    """The second difference in both directions, such that white noise keeps its variance."""
    for axis in (-1, -2):
        x = np.diff(np.diff(x, axis=axis), axis=axis)
    return x * np.float32(1 / 6)


def _fours(x):
    """Sums of 2 x 2 pixels, side by side; a rest is left out."""
    x = x[..., : x.shape[-2] // 2 * 2, : x.shape[-1] // 2 * 2]
    x = x[..., ::2, :] + x[..., 1::2, :]
    return x[..., ::2] + x[..., 1::2]


def _clipped(packed):
    """Where pixels clip in the dark and at white, as float32 of 0 and 1; None where none does."""
    least = packed.min((1, 2, 3), keepdims=True)
    dark = packed <= least
    # the darkest value of a patch is a clip if it is 0 or stands there often
    dark &= (least <= 0) | (dark.mean((1, 2, 3), keepdims=True) > TUNED.pile)
    # each plane clips at its own level: some cameras rescale the greens
    top = packed.max((2, 3), keepdims=True)
    full = packed >= np.maximum(top, NEAR_WHITE) if top.max() >= NEAR_WHITE else np.array(False)
    return [np.float32(where) if where.any() else None for where in (dark, full)]


def _darkest(fours, dark):
    """Pixels can be much darker than blocks are; fours hold less noise than pixels."""
    fours = fours.reshape(len(fours), -1) / 4
    if dark is not None:
        alive = _fours(dark).reshape(fours.shape) < 4
        fours = np.where(alive | ~alive.any(1, keepdims=True), fours, np.inf)
    at = fours.shape[1] // 100
    return np.partition(fours, at, 1)[:, at]


def _band(mean, high, low, dark, full, constant):
    """Blocks side by side; what clipped or is constant says how sure each is."""
    doubt = np.ones(mean.shape, np.float32)
    for share, half in ((dark, TUNED.dark), (full, TUNED.full)):
        if share is not None:
            doubt += np.square(share / np.float32(half))
            constant = constant | (share > TUNED.dead)
    sure = 1 / doubt
    if constant.any():  # what tells nothing spoils its neighbors: they may lie half in it
        near = maximum_filter(constant, (1,) * (constant.ndim - 2) + (3, 3))
        sure = np.where(constant, 0, np.where(near, TUNED.beside, 1) * sure)
    sure[sure < TUNED.nothing] = 0
    return Band(*(x.reshape(len(x), -1).astype(np.float64) for x in (mean, high, low, sure)))


def _plane_band(packed, squares, fours, blocks, clipped):
    """Each plane for itself; below it, the band of the planes at half their size."""
    high, mean = block_means(squares, BLOCK), blocks.copy()
    constant = np.repeat((high == 0).all(1, keepdims=True), 4, 1)
    high[:, 1] = high[:, 2] = _green_variance(packed[:, 1], packed[:, 2])
    mean[:, 1] = mean[:, 2] = 0.5 * (mean[:, 1] + mean[:, 2])
    low = block_means(np.square(_curvature(fours)), BLOCK // 2) / np.float32(4)
    # at some sizes one of the bands has a row or a column of blocks more
    rows, columns = (min(sizes) for sizes in zip(high.shape[-2:], low.shape[-2:]))
    parts = [mean, high, low]
    parts += [None if x is None else block_means(x[..., 1:-1, 1:-1], BLOCK) for x in clipped]
    return _band(*(None if x is None else x[..., :rows, :columns] for x in parts + [constant]))


def _green_variance(gr, gb):
    """Variance in each block of a filter over both greens, whose lattice is finer.

    Turned by 45 degrees it is the second difference in both directions.  A
    difference of the two greens' gains shifts its mean, which is taken out.
    """
    around = gb[:, :-1] + gb[:, 1:]
    around = around[:, :-1, 1:-1] + around[:, :-1, 2:]  # the four Gb diagonal to each inner Gr
    axes = gr[:, :-2, 1:-1] + gr[:, 2:, 1:-1] + gr[:, 1:-1, :-2] + gr[:, 1:-1, 2:]
    response = (4 * gr[:, 1:-1, 1:-1] - 2 * around + axes) / np.float32(6)
    mean = block_means(response, BLOCK)
    variance = block_means(np.square(response), BLOCK) - mean * mean
    # taking out the mean takes away its own variance, 3 / 64 of a pixel's
    return variance / np.float32(1 - 3.0 / BLOCK**2)


def _mosaic_band(bayer, squares, blocks, clipped):
    """The mosaic as one gray image; below it, the band of the planes.

    The planes are brought to one contrast first.  Where colors differ, the image
    then has a checkerboard; it is even within a block and is taken out.
    """
    contrast = blocks.reshape(blocks.shape[:2] + (-1,)).std(-1)
    greens = contrast[:, 1:3].mean(1, keepdims=True)
    gain = np.clip(greens / np.maximum(contrast, 1e-3), 0.25, 4.0)
    n, height, width = bayer.shape
    gray = bayer.reshape(n, height // 2, 2, width // 2, 2) * gain.reshape(n, 1, 2, 1, 2)
    fine = _curvature(gray.reshape(bayer.shape))[:, 1:-1, 1:-1]
    even = np.square(block_means(fine, BLOCK, 2)).mean(1)
    # taking out a block's even part takes away its own share of the variance
    half = BLOCK // 2
    own = (1 + (half - 1) / (3.0 * half)) ** 2 / half**2
    # a pixel's noise was multiplied with its gain: the line holds for means weighted likewise
    total = np.square(gain).sum(1)[:, None, None]
    weight = np.square(gain) / total[..., 0]
    high = (block_means(np.square(fine), BLOCK) - even) / (total / 4 * np.float32(1 - own))
    mean = np.einsum("np,npij->nij", weight, block_means(bayer[:, 2:-2, 2:-2], BLOCK, 2))
    low = block_means(np.einsum("np,npij->nij", weight, squares), half)
    parts = [None if x is None else block_means(x[..., 1:-1, 1:-1].mean(1), half) for x in clipped]
    return _band(mean, high, low, *parts, constant=low == 0)
