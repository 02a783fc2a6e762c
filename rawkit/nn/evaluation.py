"""One way to a score: from a network and a dataset folder to a table, patch by patch.

The formula itself is in `rawkit.score`.
"""

import time
from pathlib import Path

from ..binio import open_pairs, split_pairs
from ..places import TEST_GT, TEST_INPUT, TRAIN_GT, TRAIN_INPUT
from ..score import interval_of_errors, normalized_l1, score_of_errors
from .prediction import denoise_batches


def open_scoring_pairs(folder, limit=64):
    """Open the pairs of a dataset that score networks and train none.

    Parameters
    ----------
    folder : str or Path
    limit : int or None
        At most so many, the first ones.

    Returns
    -------
    noisy, gt : memory maps, shape (N, 256, 256), uint16, DN
        The test set where its ground truth is known, as a synthetic set's is; else the
        pairs that `split_pairs` holds out.

    Raises
    ------
    FileNotFoundError, ValueError
        As `open_pairs`, or if there is only one pair, which is for training.
    """
    if has_test_gt(folder):
        noisy, gt = open_pairs(folder, TEST_INPUT)
    else:
        noisy, gt = split_pairs(*open_pairs(folder))[1]
    if len(noisy) == 0:
        raise ValueError(
            f"{folder}: found 1 pair in {TRAIN_INPUT}, expected at least 2, to hold one out"
        )
    return noisy[:limit], gt[:limit]


def has_test_gt(folder):
    """Whether a dataset's test set has a ground truth; the competition's has none."""
    return _has(folder, TEST_INPUT, TEST_GT)


def _has(folder, *names):
    return all((Path(folder) / name).is_file() for name in names)


def score_table(model, folder, limit=64, **options):
    """Score a network on the pairs of a dataset that no training sees.

    Parameters
    ----------
    model : megengine.module.Module
        (N, 1, H, W) float32 in 0-1 to the same.
    folder : str or Path
    limit : int or None
        As `open_scoring_pairs`, which says which pairs count.
    **options
        As `denoise_batches`: self_ensemble, truncate, batch_size.

    Returns
    -------
    pandas.DataFrame
        One row for each patch: "untouched" and "denoised", the normalized errors of the
        input and of the answer in sqrt(DN) (`normalized_l1`), and "ms", the milliseconds
        that the patch took.  `score_of_errors` of a column is a score.

    Raises
    ------
    FileNotFoundError, ValueError
        As `open_scoring_pairs` and `denoise_batches`.
    """
    return _table(model, *open_scoring_pairs(folder, limit), **options)


def score_held_out(model, folder, limit=64, **options):
    """Score a network on the held-out pairs of a dataset, whatever else it has.

    Parameters
    ----------
    model, folder, limit, **options : as `score_table`

    Returns
    -------
    pandas.DataFrame, as `score_table`; or None if there are no pairs to hold out
    """
    if not _has(folder, TRAIN_INPUT, TRAIN_GT):
        return None
    noisy, gt = split_pairs(*open_pairs(folder))[1]
    return _table(model, noisy[:limit], gt[:limit], **options) if len(noisy) else None


def _table(model, noisy, gt, **options):
    import pandas  # takes half a second to load

    parts, first, began = [], 0, time.perf_counter()
    for pred in denoise_batches(model, noisy, **options):
        seconds, now = time.perf_counter() - began, slice(first, first + len(pred))
        columns = {
            "untouched": normalized_l1(noisy[now], gt[now]),
            "denoised": normalized_l1(pred, gt[now]),
            "ms": 1000 * seconds / len(pred),
        }
        parts.append(pandas.DataFrame(columns))
        first, began = first + len(pred), time.perf_counter()
    return pandas.concat(parts, ignore_index=True).rename_axis("patch")


def tabulate_scores(errors, reference=None):
    """Scores of several answers to the same patches, and how sure they are.

    Parameters
    ----------
    errors : pandas.DataFrame, or dict of str to array, shape (N,)
        A column for each answer: the `normalized_l1` of every patch.
    reference : str, optional
        The answer that gains are measured against; by default the first.

    Returns
    -------
    pandas.DataFrame
        A row for each answer: "score", "95 %", its interval as text, "gain" over the
        reference, and "95 % of the gain", paired by patch; see `rawkit.score_interval`.
    """
    import pandas

    errors = pandas.DataFrame(errors)
    reference = errors.columns[0] if reference is None else reference
    table = pandas.DataFrame({"score": errors.apply(score_of_errors)})
    table["95 %"] = ["%.2f to %.2f" % interval_of_errors(errors[name]) for name in errors]
    table["gain"] = table.score - table.score[reference]
    table["95 % of the gain"] = [
        "%+.2f to %+.2f" % interval_of_errors(errors[name], errors[reference])
        if name != reference
        else ""
        for name in errors
    ]
    return table
