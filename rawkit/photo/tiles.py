"""A network over a whole frame: overlapping tiles that share noise and level, so no seam exists."""

import itertools

import numpy as np
from scipy.ndimage import minimum_filter

from ..bayer import pack_bayer, unpack_bayer
from ..nn import Stabilized, predict
from ..noise import gat, inverse_gat
from .measuring import factor_at, sample_crops

import megengine  # isort: skip  # after rawkit.nn, which starts it

STEP = 16  # pixels; tiles start at its multiples, a network's own strides divide it
EDGE = STEP // 2  # pixels of a plane: the border that is put around a tile
TILE = 1024  # pixels; with margins about a megapixel at a time goes through the network
REACH = 128  # pixels; how far a network sees that has no attribute `reach`
NOWHERE = np.float32(np.inf)  # nothing clips


def _predict_tile(model, tile, noise, level, white):
    """What a network makes of one mosaic in DN, given the whole frame's noise and level.

    A network sees a plane less its mean, of what it is shown: neighboring tiles would
    differ.  A border of the right brightness around each tile makes the mean the frame's,
    also for a network that looks at the mosaic turned and moved by a pixel.

    Parameters
    ----------
    noise : NoiseLine of arrays, shape (4, 1, 1), or (4, h, w) of the tile's planes
    level : array, shape (4, 1, 1), of the frame's stabilized planes
    white : array, shape (4, 1, 1), or (), DN
    """
    if not isinstance(model, Stabilized):
        return predict(model, tile[None])[0]
    packed = pack_bayer(tile)
    clipped, stable = packed >= white, gat(packed, *noise)
    shape = packed.shape[1] + 2 * EDGE, packed.shape[2] + 2 * EDGE
    share = stable[0].size / float(shape[0] * shape[1] - stable[0].size)
    mean = stable.mean((1, 2), keepdims=True, dtype=np.float64)
    inside = (slice(None), slice(EDGE, -EDGE), slice(EDGE, -EDGE))
    shown = np.zeros((2, 1, 4) + shape, np.float32)
    shown[0, 0] = level + (level - mean) * share
    shown[0, 0][inside], shown[1, 0][inside] = stable, clipped
    residual = model.quick_residual(*map(megengine.Tensor, shown)).numpy()[0][inside]
    clean = inverse_gat(stable - residual, *noise)
    # what clips with all its neighbors: there noise had no chance
    blown = minimum_filter(clipped, (1, 3, 3)) if clipped.any() else clipped
    return unpack_bayer(np.where(blown, packed, clean).astype(np.float32))


def _frame_level(crops, line):
    """The mean of each plane over a frame, on the scale where noise has deviation 1.

    Parameters
    ----------
    crops : array, shape (n, h, w), float32, DN
    line : NoiseLine of arrays, shape (4,)

    Returns
    -------
    ndarray, shape (4, 1, 1)
    """
    return gat(pack_bayer(crops), *per_plane(line)).mean((0, 2, 3)).reshape(4, 1, 1)


def per_plane(line):
    """A line of four planes as arrays of shape (4, 1, 1), float32."""
    return [np.asarray(x, np.float32).reshape(4, 1, 1) for x in line]


def _cut(length, margin):
    """Cut one side into tiles: where each starts, how long it is kept, what it reads.

    Beyond the frame pixels are mirrored, which keeps their colors.
    """
    whole = -(-length // STEP) * STEP
    count = -(-whole // TILE)
    kept = -(-whole // (count * STEP)) * STEP
    starts = [min(i * kept, whole - kept) for i in range(count)]
    source = np.pad(np.arange(length), (margin, margin + whole - length), mode="reflect")
    return [(start, kept, source[start : start + kept + 2 * margin]) for start in starts]


def denoise_mosaic(model, rggb, noise, white=NOWHERE, progress=None):
    """Denoise a mosaic of any size; memory beside it and its answer is bounded.

    Parameters
    ----------
    model : a network of `rawkit.nn`, in evaluation mode
        Its attribute `reach` says how far around a pixel it looks, in pixels; 128 if it has none.
    rggb : array, shape (H, W), float32, DN; H and W even
        May lie below 0; it is not clipped.
    noise : FrameNoise
    white : ndarray, shape (4, 1, 1), DN
        Where each plane clips, as `find_white` gives it.
    progress : function (done, total), optional

    Returns
    -------
    ndarray, shape (H, W), float32, DN, not rounded or clipped

    Raises
    ------
    ValueError
        If the network answers NaN or infinity.
    """
    line, factor = per_plane(noise.line), None
    if noise.factor is None:
        level = _frame_level(sample_crops(rggb), noise.line)
    else:
        factor = factor_at(noise.factor, rggb)
        stable = gat(pack_bayer(rggb), *(x * factor for x in line))
        level = stable.mean((1, 2), keepdims=True, dtype=np.float64)
        del stable  # as large as the frame
    margin = -(-getattr(model, "reach", REACH) // STEP) * STEP
    down, across = (_cut(length, margin) for length in rggb.shape)
    clean = np.empty_like(rggb)
    tiles = list(itertools.product(down, across))
    for number, ((top, height, rows), (left, width, cols)) in enumerate(tiles, start=1):
        cells = np.ix_(rows[::2] // 2, cols[::2] // 2)
        here = line if factor is None else [x * factor[cells] for x in line]
        pred = _predict_tile(model, rggb[rows][:, cols], here, level, white)
        if not np.isfinite(pred).all():
            raise ValueError("the network's answer holds NaN or infinity")
        place = clean[top : top + height, left : left + width]
        place[...] = pred[margin:, margin:][: place.shape[0], : place.shape[1]]
        if progress is not None:
            progress(number, len(tiles))
    return clean
