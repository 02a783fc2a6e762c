"""Synthetic datasets as files in the competition's format, any number of pairs, seeded."""

import contextlib
import os
import shutil
import sys
from functools import partial
from pathlib import Path

from tqdm import tqdm

from ..places import GT_OF, NAMES, TEST_INPUT, TRAIN_INPUT, atomic_file, check_output, run_lock
from .patches import TRUTH_FIELDS, check_count, find_photographs, make_pair, mapper
from .recipes import get_recipe

CSV_NAME = "true_parameters.csv"
FILES = NAMES + (CSV_NAME,)
# a set in the making; whole, the old one still there; on its way to the old one's place
DRAFT, COMPLETE, MOVING = ".rawkit-draft", ".rawkit-complete", ".rawkit-moving"
CSV_FIELDS = ["file"] + TRUTH_FIELDS


def read_parameters(folder, name):
    """Read the true parameters of a synthetic set.

    Parameters
    ----------
    folder : str or Path
    name : str
        Which file's, e.g. `rawkit.places.TRAIN_INPUT`.

    Returns
    -------
    pandas.DataFrame, or None
        One row for each patch of the file, columns `CSV_FIELDS`; None if the set has
        no such table, as a real one, or none for this file.

    Raises
    ------
    ValueError
        If the table is not one that `write_dataset` wrote.
    """
    import pandas

    path = Path(folder) / CSV_NAME
    if not path.is_file():
        return None
    try:
        kinds = {**dict.fromkeys(CSV_FIELDS, float), "file": str, "source": str}
        table = pandas.read_csv(str(path), usecols=CSV_FIELDS, dtype=kinds)[CSV_FIELDS]
    except (ValueError, OverflowError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"{path}: found no such table ({reason})") from None
    table = table[table["file"] == name].reset_index(drop=True)
    return table if len(table) else None


def write_dataset(
    folder,
    train,
    test,
    seed,
    overwrite=False,
    workers=None,
    preset="mixed",
    photos=None,
    train_split="train",
    test_split="test",
    progress=False,
):
    """Write a dataset with the competition's file names and a CSV of true parameters.

    The files are made in a hidden folder, which gets the name `COMPLETE` when all are whole;
    then a dataset that stands in `folder` is replaced as a whole, with `test` of 0 its test
    files as well.  Where that is interrupted, the next call completes it and says so.

    Parameters
    ----------
    folder : str or Path
    train, test : int
        Pairs for training, and test inputs with ground truth; 0 leaves the files out.
    seed : int
    overwrite : bool
        Without it an existing dataset is an error.
    workers : int, optional
        Processes; by default one a core.  The bytes do not depend on it.
    preset : str or Recipe
        One of PRESETS, or a recipe of your own.
    photos : str or Path, optional
        A folder of photographs instead of the bundled ones.
    train_split, test_split : str
        Whose sources the files are made from.
    progress : bool
        Show a progress bar on stderr.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    ValueError
        For parameters out of range (named), or no usable photograph in a split.
    FileExistsError
        If a file of the dataset exists and `overwrite` is false.
    OSError
        If another process is writing into the folder, or the disk is full.
    """
    folder, recipe = Path(folder), get_recipe(preset)
    for name, value in (("train", train), ("test", test), ("seed", seed)):
        check_count(name, value, 0)
    if train + test == 0:
        raise ValueError("found train 0 and test 0, expected at least one patch")
    training = TRAIN_INPUT, train_split, range(train)
    # test indices follow the training ones: with one split no scene comes twice
    testing = TEST_INPUT, test_split, range(train, train + test)
    jobs = [job for job in (training, testing) if job[2]]
    photographs = {split: find_photographs(split, recipe, photos) for _, split, _ in jobs}
    with run_lock(folder / "dataset"):
        if (folder / COMPLETE).is_dir() or (folder / MOVING).is_dir():
            _replace_dataset(folder)
            print(f"{folder}: put the set in place that an earlier run made", file=sys.stderr)
        for name in FILES:
            check_output(folder / name, overwrite=overwrite)
        draft = folder / DRAFT
        shutil.rmtree(str(draft), ignore_errors=True)  # of a run that was killed
        try:
            with tqdm(total=train + test, unit="patch", delay=0.5, disable=not progress) as bar:
                _write_files(draft, jobs, seed, photographs, recipe, workers, bar)
            os.rename(str(draft), str(folder / COMPLETE))
        finally:
            shutil.rmtree(str(draft), ignore_errors=True)
        _replace_dataset(folder)
    return [folder / name for name in FILES if (folder / name).exists()]


def _write_files(folder, jobs, seed, photographs, recipe, workers, bar):
    """Make the files of a dataset in a folder of their own."""
    table = [CSV_FIELDS]
    with contextlib.ExitStack() as stack, mapper(workers) as run:
        for name, split, indices in jobs:
            make = partial(make_pair, split, seed, photographs[split], recipe)
            inputs = stack.enter_context(atomic_file(folder / name))
            truths = stack.enter_context(atomic_file(folder / GT_OF[name]))
            for noisy, gt, truth in run(make, indices):
                inputs.write(noisy.astype("<u2").tobytes())
                truths.write(gt.astype("<u2").tobytes())
                table.append([name, *truth.values()])
                bar.update()
        text = "".join(",".join(map(str, line)) + "\n" for line in table)
        stack.enter_context(atomic_file(folder / CSV_NAME)).write(text.encode())


def _replace_dataset(folder):
    """Put a complete new set in the place of the old one, or finish doing so.

    The old one goes first: a reader meets a file that is missing, never a pair of both sets.
    """
    complete, moving = folder / COMPLETE, folder / MOVING
    if complete.is_dir():
        for name in FILES:
            with contextlib.suppress(FileNotFoundError):
                (folder / name).unlink()
        os.rename(str(complete), str(moving))
    for path in moving.iterdir():
        os.replace(str(path), str(folder / path.name))
    moving.rmdir()
