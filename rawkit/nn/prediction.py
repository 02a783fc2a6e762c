"""Denoising patches in memory; files: `rawkit.cli.submission`, photographs: `rawkit.photo`."""

import megengine
import numpy as np
from tqdm import tqdm

from ..bayer import SCALE, VIEWS, bayer_view, undo_bayer_view
from ..binio import WHITE_LEVEL


def predict(model, bayer):
    """Run a network on mosaics, without rounding or clipping.

    Parameters
    ----------
    model : megengine.module.Module
        (N, 1, H, W) float32 in 0-1 to the same.
    bayer : array, shape (N, H, W), any real dtype, DN

    Returns
    -------
    ndarray, shape (N, H, W), float32, DN

    Raises
    ------
    ValueError
        If the network answers in another shape.
    """
    noisy_01 = np.asarray(bayer, np.float32)[:, None] / np.float32(SCALE)
    pred_01 = model(megengine.Tensor(noisy_01)).numpy()
    if pred_01.shape != noisy_01.shape:
        raise ValueError(f"found an answer of shape {pred_01.shape}, expected {noisy_01.shape}")
    return pred_01[:, 0] * np.float32(SCALE)


def predict_self_ensemble(model, bayer):
    """Average a network's answers over the eight Bayer-preserving views.

    Costs eight predictions.  Parameters and result as `predict`.
    """
    total = np.zeros(np.shape(bayer), np.float32)
    for view in VIEWS:
        total += undo_bayer_view(predict(model, bayer_view(np.asarray(bayer), view)), view)
    return total / len(VIEWS)


def to_uint16(pred, truncate=False):
    """Turn predictions into file values.

    Parameters
    ----------
    pred : array of float, DN
    truncate : bool
        Cut the fraction off instead of rounding, as the published code does;
        the answer is then half a DN too dark on average.

    Returns
    -------
    ndarray of uint16, same shape
        Clipped to 0-65535.

    Raises
    ------
    ValueError
        If a prediction is NaN or infinite.
    """
    if not np.isfinite(pred).all():
        raise ValueError("predictions hold NaN or infinity, expected numbers in 0-65535")
    clipped = np.clip(pred, 0, WHITE_LEVEL)
    return (clipped if truncate else np.rint(clipped)).astype(np.uint16)


def denoise_batches(
    model, patches, batch_size=4, self_ensemble=False, truncate=False, progress=False
):
    """Denoise patches batch by batch, for streams larger than memory.

    Parameters
    ----------
    model : megengine.module.Module
    patches : array, shape (N, H, W), uint16, DN
        A memory map is read one batch at a time.
    batch_size : int
        How many go through the network at once: of 16 each took a sixth longer than of 4.  By
        1 DN it may change the answer.
    self_ensemble : bool
        Average over eight views: a little better, eight times slower.
    truncate : bool
        As in `to_uint16`.
    progress : bool
        Show a progress bar on stderr.

    Yields
    ------
    ndarray, shape (batch, H, W), uint16, DN
    """
    step = predict_self_ensemble if self_ensemble else predict
    was_training = model.training
    if was_training:  # MegEngine takes 2.5 ms to go through all modules
        model.eval()
    try:
        with tqdm(total=len(patches), unit="patch", disable=not progress) as bar:
            for start in range(0, len(patches), batch_size):
                pred = to_uint16(step(model, patches[start : start + batch_size]), truncate)
                yield pred
                bar.update(len(pred))
    finally:
        if was_training:
            model.train()


def denoise(model, patches, **options):
    """Denoise patches; the whole answer at once.

    Parameters
    ----------
    model, patches, **options : as `denoise_batches`

    Returns
    -------
    ndarray, shape (N, H, W), uint16, DN
    """
    return np.concatenate(list(denoise_batches(model, patches, **options)))
