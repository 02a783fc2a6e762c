"""Which pairs score a network, and tables of scores.  Metrics are in `rawkit.score`."""

from pathlib import Path

from ..binio import open_pairs, split_pairs
from ..places import TEST_GT, TEST_INPUT, TRAIN_INPUT
from ..score import interval_of_errors, score_of_errors


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
        raise ValueError(f"{folder}: found 1 pair in {TRAIN_INPUT}, expected at least 2")
    return noisy[:limit], gt[:limit]


def has_test_gt(folder):
    """Whether a dataset's test set has a ground truth; the competition's has none."""
    return all((Path(folder) / name).is_file() for name in (TEST_INPUT, TEST_GT))


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
    gains = [interval_of_errors(errors[name], errors[reference]) for name in errors]
    table["95 % of the gain"] = ["%+.2f to %+.2f" % gain for gain in gains]
    table.loc[reference, "95 % of the gain"] = ""
    return table
