"""A list of finished training runs, kept as CSV, so that hours need not be spent twice."""

import csv
import io
from pathlib import Path

from ..places import atomic_file

FIELDS = {
    "row": str,
    "seed": int,
    "steps": int,
    "crop": int,
    "pairs": int,
    "parameters": int,
    "macs": float,
    "score": float,
    "train_seconds": float,
    "patch_ms": float,
}


def read_runs(path):
    """Read the runs of a file.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    list of dict
        With the keys of `FIELDS`: the row's name, seed, steps, side of the crops
        (pixels), pairs to train on, parameters, multiply-adds of each pixel, score,
        seconds to train, milliseconds to denoise a patch.  Empty without a file.

    Raises
    ------
    ValueError
        If a line is not one that `write_runs` wrote.
    """
    if not Path(path).is_file():
        return []
    runs = []
    with open(str(path), newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            try:
                runs.append({field: kind(line[field]) for field, kind in FIELDS.items()})
            except (KeyError, TypeError, ValueError):
                raise ValueError(
                    "%s: found %r, expected a line of %s" % (path, dict(line), ", ".join(FIELDS))
                ) from None
    return runs


def write_runs(path, runs):
    """Write runs as CSV, all or nothing; of runs with one row and settings the last.

    Parameters
    ----------
    path : str or Path
    runs : list of dict
        With the keys of `FIELDS`.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, list(FIELDS), lineterminator="\n")
    writer.writeheader()
    key = list(FIELDS)[:5]  # row to pairs
    writer.writerows({tuple(run[field] for field in key): run for run in runs}.values())
    with atomic_file(path) as file:
        file.write(text.getvalue().encode("utf-8"))


def find_run(runs, **key):
    """The last of the runs with these values, or None.

    Examples
    --------
    >>> find_run([{"row": "a", "seed": 1}, {"row": "a", "seed": 2}], row="a", seed=2)
    {'row': 'a', 'seed': 2}
    """
    for run in reversed(runs):
        if all(run[name] == value for name, value in key.items()):
            return run
    return None
