"""A network over a whole frame: overlapping tiles, so that no seam exists."""

import numpy as np

from .. import device  # noqa: F401  (before MegEngine: see there)
from ..bayer import SCALE

import megengine  # isort: skip

STEP = 32  # pixels; tiles start at its multiples, which a network's own strides divide
TILE = 1024  # pixels; about a megapixel at a time goes through the network
PROBE = 384  # pixels; of the mosaic that shows how far a network sees
FAR = 160  # pixels; no margin is wider


def reach(model):
    """How far around a pixel a network sees, in pixels.

    Measured: one cell of a noisy mosaic changes, and so does the answer, up to there.

    Parameters
    ----------
    model : a network of `rawkit`

    Returns
    -------
    int, at most FAR
    """
    rng = np.random.default_rng(0)
    line = np.array([50.0, 50.0**2], np.float32)
    noisy = rng.normal(8000, 640, (PROBE, PROBE)).astype(np.float32)
    call = _caller(model, line, noisy[None])
    before, middle, farthest = call(noisy), PROBE // 2, 0
    for shift in (0, STEP // 2 - 2):  # at both ends of the coarsest cell
        y = middle + shift
        changed = noisy.copy()
        changed[y : y + 2, y : y + 2] += 6400
        where = np.argwhere(call(changed) != before)
        if len(where):
            farthest = max(farthest, int(np.abs(where - y).max()))
    return min(farthest, FAR)


def _caller(model, line, crops):
    """The network as a function of one mosaic in DN, told what the whole frame knows."""
    line = megengine.Tensor(np.asarray(line, np.float32)[None])
    known = {}
    if getattr(model, "takes_line", False):
        known["line"] = line
    if getattr(model, "takes_level", False):
        known["level"] = megengine.Tensor(_frame_level(model, line, crops))

    def call(bayer):
        noisy_01 = bayer[None, None] / np.float32(SCALE)
        return model(megengine.Tensor(noisy_01), **known).numpy()[0, 0] * np.float32(SCALE)

    return call


def _frame_level(model, line, crops):
    """The planes' mean over the frame as the network measures it, (1, 4, 1, 1)."""
    found = [model.level(megengine.Tensor(c[None, None] / np.float32(SCALE)), line) for c in crops]
    return np.mean([level.numpy() for level in found], axis=0)


def _cuts(length, margin):
    """Tiles along one side: (start, end, first, last), what is read and what is kept.

    All are of one size, start at multiples of STEP and see `margin` beyond what is kept.
    """
    size = TILE + length % STEP
    if length <= size + 2 * STEP:
        return [(0, length, 0, length)]
    margin = -(-margin // STEP) * STEP
    cuts, first = [], 0
    while first < length:
        start = min(max(first - margin, 0), length - size)  # a multiple: see `size`
        end = start + size
        last = length if end == length else end - margin
        cuts.append((start, end, first, last))
        first = last
    return cuts


def denoise_mosaic(model, rggb, line, crops, progress=False):
    """Denoise a mosaic of any size.

    Parameters
    ----------
    model : a network of `rawkit`, in evaluation mode
    rggb : array, shape (H, W), float32, DN; H and W even
        May lie below 0; it is not clipped.
    line : NoiseLine of shape ()
        Of the whole frame.
    crops : array, shape (n, h, w), float32, DN
        Parts that stand for the frame, where a network needs its mean.
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
    from tqdm import tqdm

    call = _caller(model, (line.shot_noise, line.intercept), crops)
    margin = reach(model) if max(rggb.shape) > TILE else 0
    rows, columns = (_cuts(length, margin) for length in rggb.shape)
    clean = np.empty_like(rggb)
    with tqdm(total=len(rows) * len(columns), unit="tile", disable=not progress) as bar:
        for top, bottom, first_row, last_row in rows:
            for left, right, first, last in columns:
                pred = call(rggb[top:bottom, left:right])
                kept = pred[first_row - top : last_row - top, first - left : last - left]
                if not np.isfinite(kept).all():
                    raise ValueError("the network's answer holds NaN or infinity")
                clean[first_row:last_row, first:last] = kept
                bar.update()
    return clean
