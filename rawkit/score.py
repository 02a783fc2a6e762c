"""The competition's score and its parts, computed in float64.

References
----------
MegCup 2022, RAW denoising: score = 5 log10(100 / mean_i d_i) with
d_i = mean|pred_i - gt_i| / sqrt(mean gt_i) over patches i, in DN of 0..65535.
"""

import numpy as np

from .places import check_whole


def _patch_pairs(pred, gt):
    """Check two stacks of patches; yield them one by one as float64 pairs."""
    if pred.shape != gt.shape or len(pred.shape) != 3:
        raise ValueError(f"pred and gt need one shape (N, H, W), found {pred.shape} and {gt.shape}")
    if len(pred) == 0:
        raise ValueError(f"no patches to score: shape {pred.shape}")
    for i in range(len(pred)):  # one at a time: the files can be larger than memory
        check_whole(pred), check_whole(gt)
        pair = np.asarray(pred[i], np.float64), np.asarray(gt[i], np.float64)
        for name, patch in zip(("pred", "gt"), pair):
            if not np.isfinite(patch).all():
                raise ValueError(f"patch {i} of {name} holds NaN or infinity")
        yield pair


def normalized_l1(pred, gt):
    """Mean absolute error of each patch over the root of its brightness.

    Photon noise grows with the square root of the signal, so this weighs dark
    and bright patches alike.  Smaller is better.

    Parameters
    ----------
    pred, gt : arrays, shape (N, H, W), any real dtype, DN in 0-65535
        Converted to float64 before they are subtracted: uint16 would wrap.

    Returns
    -------
    ndarray, shape (N,), float64, unit sqrt(DN)

    Raises
    ------
    ValueError
        If the shapes differ, a value is not finite, or a gt patch has mean 0,
        where the score is undefined.

    Examples
    --------
    >>> normalized_l1(np.full((1, 2, 2), 90.0), np.full((1, 2, 2), 100.0)).tolist()
    [1.0]
    """
    errors = []
    for i, (p, g) in enumerate(_patch_pairs(pred, gt)):
        brightness = g.mean()
        if brightness <= 0:
            raise ValueError(
                f"patch {i} of gt has mean {brightness:g}: the score divides by its root and is "
                "undefined"
            )
        errors.append(np.abs(p - g).mean() / np.sqrt(brightness))
    return np.array(errors)


def megcup_score(pred, gt):
    """The competition's score.  Larger is better; +0.1 is 4.5 % less error.

    Parameters, errors: as `normalized_l1`.

    Returns
    -------
    float
        5 log10(100 / mean of `normalized_l1`); infinity for a perfect answer.

    Examples
    --------
    >>> megcup_score(np.full((1, 2, 2), 90.0), np.full((1, 2, 2), 100.0))
    10.0
    """
    return score_of_errors(normalized_l1(pred, gt))


def score_of_errors(errors):
    """The score of patches whose `normalized_l1` is known.

    Parameters
    ----------
    errors : array, shape (N,), unit sqrt(DN)

    Returns
    -------
    float
        5 log10(100 / their mean); infinity where all are 0.

    Examples
    --------
    >>> score_of_errors(np.array([0.5, 1.5]))
    10.0
    """
    mean = np.mean(errors)
    return float(5 * np.log10(100 / mean)) if mean > 0 else float("inf")
