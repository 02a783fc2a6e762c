"""High and low bands of frequencies, block by block: what the blind estimate looks at.

White noise has the same variance in every band; texture has less the higher the band.

References
----------
Immerkaer: "Fast noise variance estimation", Computer Vision and Image
Understanding 1996 (the second difference in both directions).
"""

from collections import namedtuple

import numpy as np

from ..bayer import pack_bayer
from .line import NEAR_WHITE
from .tuning import TUNED

BLOCK = 8  # pixels; of one plane, or of the mosaic: 64 responses of a filter either way

Band = namedtuple("Band", "mean high low sure")
Band.__doc__ = """All blocks of some patches, arrays of shape (N, blocks), float64.

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
    twice as close; but in the mosaic differences of colour look like texture.

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
    blocks = _block_means(packed[..., 1:-1, 1:-1], BLOCK)
    squares = np.square(_curvature(packed))
    bands = (
        _plane_band(packed, squares, fours, blocks, clipped),
        _mosaic_band(bayer, squares, blocks, clipped),
    )
    return bands + (_darkest(fours, clipped[0]),)


def _block_means(x, size):
    """Means over size x size tiles of the last two axes; a rest is left out."""
    rows, columns = x.shape[-2] // size, x.shape[-1] // size
    x = x[..., : rows * size, : columns * size]
    x = np.add.reduceat(x, np.arange(0, rows * size, size), axis=-2)
    x = np.add.reduceat(x, np.arange(0, columns * size, size), axis=-1)
    return x / np.float32(size * size)


def _phase_means(x):
    """Means of the mosaic's blocks, each of the four colours for itself: (N, 4, rows, columns)."""
    rows, columns = x.shape[1] // BLOCK, x.shape[2] // BLOCK
    x = x[:, : rows * BLOCK, : columns * BLOCK]
    x = x.reshape(len(x), rows, BLOCK // 2, 2, -1).sum(2)
    x = x.reshape(len(x), rows, 2, columns, BLOCK // 2, 2).sum(4)
    x = x.transpose(0, 2, 4, 1, 3).reshape(len(x), 4, rows, columns)
    return x / np.float32(BLOCK * BLOCK // 4)


def _curvature(x):
    """The second difference in both directions, such that white noise keeps its variance."""
    x = x[..., :-2] + x[..., 2:] - 2 * x[..., 1:-1]
    return (x[..., :-2, :] + x[..., 2:, :] - 2 * x[..., 1:-1, :]) / np.float32(6)


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
    # what tells nothing spoils its neighbours: they may lie half in it
    near = np.pad(constant, [(0, 0)] * (constant.ndim - 2) + [(1, 1), (1, 1)], "edge")
    near = near[..., :-2, :] | near[..., 1:-1, :] | near[..., 2:, :]
    near = near[..., :-2] | near[..., 1:-1] | near[..., 2:]
    sure = np.where(near, TUNED.beside, 1) / doubt
    sure = np.where(constant | (sure < TUNED.nothing), 0, sure)
    return Band(*(x.reshape(len(x), -1).astype(np.float64) for x in (mean, high, low, sure)))


def _plane_band(packed, squares, fours, blocks, clipped):
    """Each plane for itself; below it, the band of the planes at half their size."""
    high, mean = _block_means(squares, BLOCK), blocks.copy()
    constant = np.repeat((high == 0).all(1, keepdims=True), 4, 1)
    high[:, 1] = high[:, 2] = _green_variance(packed[:, 1], packed[:, 2])
    mean[:, 1] = mean[:, 2] = 0.5 * (mean[:, 1] + mean[:, 2])
    low = _block_means(np.square(_curvature(fours)), BLOCK // 2) / np.float32(4)
    # at some sizes one of the bands has a row or a column of blocks more
    rows, columns = (min(sizes) for sizes in zip(high.shape[-2:], low.shape[-2:]))
    parts = [mean, high, low]
    parts += [None if x is None else _block_means(x[..., 1:-1, 1:-1], BLOCK) for x in clipped]
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
    mean = _block_means(response, BLOCK)
    variance = _block_means(np.square(response), BLOCK) - mean * mean
    # taking out the mean takes away its own variance, 3 / 64 of a pixel's
    return variance / np.float32(1 - 3.0 / BLOCK**2)


def _mosaic_band(bayer, squares, blocks, clipped):
    """The mosaic as one grey image; below it, the band of the planes.

    The planes are brought to one contrast first.  Where colours differ, the image
    then has a checkerboard; it is even within a block and is taken out.
    """
    contrast = blocks.reshape(blocks.shape[:2] + (-1,)).std(-1)
    greens = contrast[:, 1:3].mean(1, keepdims=True)
    gain = np.clip(greens / np.maximum(contrast, 1e-3), 0.25, 4.0)
    n, height, width = bayer.shape
    grey = bayer.reshape(n, height // 2, 2, width // 2, 2) * gain.reshape(n, 1, 2, 1, 2)
    fine = _curvature(grey.reshape(bayer.shape))[:, 1:-1, 1:-1]
    even = np.square(_phase_means(fine)).mean(1)
    # taking out a block's even part takes away its own share of the variance
    half = BLOCK // 2
    own = (1 + (half - 1) / (3.0 * half)) ** 2 / half**2
    # a pixel's noise was multiplied with its gain: the line holds for means weighted likewise
    total = np.square(gain).sum(1)[:, None, None]
    weight = np.square(gain) / total[..., 0]
    high = (_block_means(np.square(fine), BLOCK) - even) / (total / 4 * np.float32(1 - own))
    mean = np.einsum("np,npij->nij", weight, _phase_means(bayer[:, 2:-2, 2:-2]))
    low = _block_means(np.einsum("np,npij->nij", weight, squares), half)
    parts = [None if x is None else _block_means(x[..., 1:-1, 1:-1].mean(1), half) for x in clipped]
    return _band(mean, high, low, *parts, constant=low == 0)
