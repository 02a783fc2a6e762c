"""A network over a whole frame: overlapping tiles that know the same, so no seam exists."""

import functools

import numpy as np
from tqdm import tqdm

from ..bayer import pack_bayer
from ..nn import Stabilised, predict
from ..noise import gat, inverse_gat

import megengine  # isort: skip  # after rawkit.nn, which starts it

STEP = 16  # pixels; tiles start at its multiples, a network's own strides divide it
TILE = 1024  # pixels; with margins about a megapixel at a time goes through the network
PROBE, KICK = 512, 6400.0  # pixels, DN: the mosaic that shows how far a network sees
SEEN, FAR = 0.02, 128  # DN, pixels: what counts as a change there, and how far one is looked for


def _predict_tile(model, tile, line, level):
    """What a network makes of one mosaic in DN, given the whole frame's line and level.

    A network sees a plane less its mean, of what it is shown: neighbouring tiles would
    differ.  A border of the right brightness around each tile makes the mean the frame's,
    also for a network that looks at the mosaic turned and moved by a pixel.
    """
    if not isinstance(model, Stabilised):
        return predict(model, tile[None])[0]
    shot_noise, intercept = float(line.shot_noise), float(line.intercept)
    stable = gat(pack_bayer(tile), np.float32(shot_noise), np.float32(intercept))
    shape = tile.shape[0] + 2 * STEP, tile.shape[1] + 2 * STEP
    share = tile.size / float(shape[0] * shape[1] - tile.size)
    missing = level + (level - stable.mean((1, 2), dtype=np.float64)) * share
    missing = inverse_gat(missing, shot_noise, intercept).astype(np.float32)
    shown = np.tile(missing.reshape(2, 2), (shape[0] // 2, shape[1] // 2))
    shown[STEP:-STEP, STEP:-STEP] = tile
    tensor = megengine.Tensor(np.array([[shot_noise, intercept]], np.float32))
    pred = predict(functools.partial(model, line=tensor), shown[None])[0]
    return pred[STEP:-STEP, STEP:-STEP]


def frame_level(crops, line):
    """The mean of each plane over a frame, on the scale where noise has deviation 1.

    Parameters
    ----------
    crops : array, shape (n, h, w), float32, DN
    line : NoiseLine of shape ()

    Returns
    -------
    ndarray, shape (4,)
    """
    return gat(pack_bayer(crops), float(line.shot_noise), float(line.intercept)).mean((0, 2, 3))


def reach(model, line):
    """How far around a pixel a network sees, in pixels.

    Measured: one cell of a noisy mosaic changes, and so does the answer, up to there.

    Parameters
    ----------
    model : a network of `rawkit.nn`
    line : NoiseLine of shape ()

    Returns
    -------
    int
    """
    rng = np.random.default_rng(0)
    noisy = rng.normal(8000, 640, (PROBE, PROBE)).astype(np.float32)
    level = frame_level(noisy[None], line)
    before, farthest = _predict_tile(model, noisy, line, level), 0
    for at in (PROBE // 2, PROBE // 2 + STEP - 2):  # both ends of the coarsest cell
        kicked = noisy.copy()
        kicked[at : at + 2, at : at + 2] += np.float32(KICK)
        changed = np.abs(_predict_tile(model, kicked, line, level) - before) > SEEN
        near = slice(at - FAR, at + FAR)  # the border, which changes too, is farther
        distance = np.abs(np.argwhere(changed[near, near]) - FAR)
        farthest = max(farthest, int(distance.max(initial=0)))
    return farthest


def _cut(length, margin):
    """Cut one side into tiles: where each starts, how long it is kept, what it reads.

    Beyond the frame pixels are mirrored, which keeps their colours.
    """
    whole = -(-length // STEP) * STEP
    count = -(-whole // TILE)
    kept = -(-whole // (count * STEP)) * STEP
    starts = [min(i * kept, whole - kept) for i in range(count)]
    source = np.pad(np.arange(length), (margin, margin + whole - length), mode="reflect")
    return [(start, kept, source[start : start + kept + 2 * margin]) for start in starts]


def denoise_mosaic(model, rggb, line, level, progress=False):
    """Denoise a mosaic of any size; memory beside it and its answer is bounded.

    Parameters
    ----------
    model : a network of `rawkit.nn`, in evaluation mode
    rggb : array, shape (H, W), float32, DN; H and W even
        May lie below 0; it is not clipped.
    line : NoiseLine of shape ()
        Of the whole frame.
    level : array, shape (4,)
        Of the whole frame, see `frame_level`.
    progress : bool
        Show a progress bar on stderr.

    Returns
    -------
    ndarray, shape (H, W), float32, DN, not rounded or clipped

    Raises
    ------
    ValueError
        If the network answers NaN or infinity.
    """
    margin = -(-reach(model, line) // STEP) * STEP
    rows, columns = (_cut(length, margin) for length in rggb.shape)
    clean = np.empty_like(rggb)
    with tqdm(total=len(rows) * len(columns), unit="tile", disable=not progress) as bar:
        for top, height, from_rows in rows:
            for left, width, from_columns in columns:
                tile = rggb[from_rows][:, from_columns]
                pred = _predict_tile(model, tile, line, level)
                if not np.isfinite(pred).all():
                    raise ValueError("the network's answer holds NaN or infinity")
                place = clean[top : top + height, left : left + width]
                place[...] = pred[margin:, margin:][: place.shape[0], : place.shape[1]]
                bar.update()
    return clean
