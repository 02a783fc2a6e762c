"""Synthetic datasets in the competition's format, any number of pairs, seeded.

Each patch has its own random stream (split, seed, index), so the files are the
same for any number of workers.
"""

import contextlib
import multiprocessing
import os
import shutil
import signal
import sys
from pathlib import Path

import numpy as np

from ..bayer import PLANES
from ..binio import PATCH_SIZE
from ..places import NAMES, TEST_GT, TEST_INPUT, TRAIN_GT, TRAIN_INPUT, atomic_file, run_lock
from .photographs import usable_photographs
from .pipeline import expose, make_mosaic
from .recipes import get_recipe
from .sensor import plane_noise, random_sensor
from .sources import photo_files, scene_rng

CSV_NAME = "true_parameters.csv"
FILES = NAMES + (CSV_NAME,)
# a set in the making; whole, the old one still there; on its way to the old one's place
DRAFT, COMPLETE, MOVING = ".rawkit-draft", ".rawkit-complete", ".rawkit-moving"
MAX_CSV = 16 << 20  # bytes; the table of 9216 pairs has 2 million
CSV_FIELDS = (
    ["file", "index", "source", "blur_px", "bits", "black_level", "white_level"]
    + ["shot_noise_" + plane for plane in PLANES]
    + ["read_noise_var_" + plane for plane in PLANES]
    + ["row_noise", "hot_pixels"]
)


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
    if path.stat().st_size > MAX_CSV:
        raise ValueError(f"{path}: found more than {MAX_CSV} bytes, expected a table")
    try:
        table = pandas.read_csv(str(path))[CSV_FIELDS]
        numbers = [field for field in CSV_FIELDS if field not in ("file", "source")]
        table = table.astype(dict.fromkeys(numbers, float))
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        reason = (str(error).splitlines() or ["unreadable"])[0]
        raise ValueError(
            f"{path}: found no such table ({reason}), expected columns {', '.join(CSV_FIELDS)}"
        ) from None
    table = table[table["file"] == name].reset_index(drop=True)
    return table if len(table) else None


def make_pair(split, seed, index, photographs, recipe):
    """Make one noisy patch and its ground truth.

    Parameters
    ----------
    split : str
        "train", "validation" or "test": where the scene comes from.
    seed, index : int
    photographs : list of Path
        Of that split.
    recipe : rawkit.synth.Recipe

    Returns
    -------
    noisy, gt : ndarrays, shape (256, 256), uint16, DN
    truth : dict
        The row of the CSV, without "file".
    """
    rng = scene_rng(split, seed, index)
    clean = make_mosaic(rng, recipe, photographs)
    sensor = random_sensor(rng, recipe)
    noisy, gt = expose(clean.mosaic, sensor, rng)
    slopes, dark = plane_noise(sensor)
    values = [index, clean.source, f"{clean.blur:.3f}", sensor.bits, f"{sensor.black_level:.2f}"]
    values += [sensor.white_level] + [f"{x:.6g}" for x in list(slopes) + list(dark)]
    values += [f"{sensor.row_noise:.6g}", f"{sensor.hot_pixels:.3g}"]
    return noisy, gt, dict(zip(CSV_FIELDS[1:], values))


def _pair_task(task):
    return make_pair(*task)


def _clean_task(task):
    split, seed, index, photographs, recipe = task
    return make_mosaic(scene_rng(split, seed, index), recipe, photographs).mosaic


@contextlib.contextmanager
def _mapper(workers):
    """A map(function, tasks) over the cores that keeps the order."""
    if workers is None:
        from joblib import cpu_count  # knows of affinity and of a container's quota

        workers = cpu_count()
    if workers == 1:
        yield map
        return
    pool = multiprocessing.get_context("fork").Pool(workers, _leave_signals)
    try:
        yield lambda function, tasks: pool.imap(function, tasks, chunksize=4)
    finally:
        pool.terminate()
        pool.join()


def _leave_signals():
    """In a worker: Ctrl-C reaches every process, and the first one ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _photographs(split, recipe, folder):
    """The photographs of a split, bundled or the user's own."""
    if not recipe.photo_share:
        return []
    photographs = usable_photographs(photo_files(split, folder), PATCH_SIZE)
    if not photographs:
        place = folder or "the bundled photographs"
        raise ValueError(
            f"{place}: found no usable photograph of the split {split!r}, to which a checksum "
            "sends one of ten (train: eight); expected at least one JPEG, PNG, TIFF, BMP or WebP: "
            "add photographs, or choose another train split or test split"
        )
    return photographs


def _check_count(name, value, low):
    if int(value) != value or value < low:
        raise ValueError(f"found {name} {value!r}, expected a whole number of at least {low}")


def clean_patches(
    n, seed, split="train", workers=None, preset="mixed", photos=None, first=0, out=None
):
    """Make noise-free mosaics, to be exposed with `rawkit.synth.expose`.

    Parameters
    ----------
    n, seed : int
    split : str
    workers : int, optional
        Processes; by default one a core.
    preset : str or Recipe
        Its scenes, optics and brightness; its sensors play no part.
    photos : str or Path, optional
        A folder of photographs instead of the bundled ones.
    first : int
        Index of the first scene: many are made piece by piece.
    out : array of float32 (n, 256, 256), optional
        Filled and returned, e.g. a memory map made by numpy.lib.format.open_memmap.

    Returns
    -------
    ndarray, shape (n, 256, 256), float32
        Linear light, RGGB, 1 at the white level.
    """
    _check_count("n", n, 1)
    recipe = get_recipe(preset)
    if out is None:
        out = np.empty((n, PATCH_SIZE, PATCH_SIZE), np.float32)
    photographs = _photographs(split, recipe, photos)
    tasks = ((split, seed, first + i, photographs, recipe) for i in range(n))
    with _mapper(workers) as run:
        for i, mosaic in enumerate(run(_clean_task, tasks)):
            out[i] = mosaic
    return out


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
    progress=None,
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
    progress : callable (done, total), optional

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
        _check_count(name, value, 0)
    if train + test == 0:
        raise ValueError("found train 0 and test 0, expected at least one patch")
    jobs = [(TRAIN_INPUT, TRAIN_GT, train_split, train, 0)]
    # test indices follow the training ones: with one split no scene comes twice
    jobs.append((TEST_INPUT, TEST_GT, test_split, test, train))
    jobs = [job for job in jobs if job[3]]
    photographs = {job[2]: _photographs(job[2], recipe, photos) for job in jobs}
    with run_lock(folder / "dataset"):
        if (folder / COMPLETE).is_dir() or (folder / MOVING).is_dir():
            _replace_dataset(folder)
            print(f"{folder}: put the set in place that an earlier run made", file=sys.stderr)
        there = [name for name in FILES if (folder / name).exists()]
        if there and not overwrite:
            raise FileExistsError(
                f"{folder / there[0]}: found a file, expected none: choose another folder or "
                "overwrite it"
            )
        draft = folder / DRAFT
        shutil.rmtree(str(draft), ignore_errors=True)  # of a run that was killed
        try:
            _write_files(draft, jobs, seed, photographs, recipe, workers, progress)
            os.rename(str(draft), str(folder / COMPLETE))
        finally:
            shutil.rmtree(str(draft), ignore_errors=True)
        _replace_dataset(folder)
    return [folder / name for name in FILES if (folder / name).exists()]


def _write_files(folder, jobs, seed, photographs, recipe, workers, progress):
    """Make the files of a dataset in a folder of their own."""
    rows, total = [], sum(count for _, _, _, count, _ in jobs)
    with contextlib.ExitStack() as stack, _mapper(workers) as run:
        for input_name, gt_name, split, count, first in jobs:
            inputs, truths = (
                stack.enter_context(atomic_file(folder / name)) for name in (input_name, gt_name)
            )
            tasks = ((split, seed, first + i, photographs[split], recipe) for i in range(count))
            for noisy, gt, truth in run(_pair_task, tasks):
                inputs.write(noisy.astype("<u2").tobytes())
                truths.write(gt.astype("<u2").tobytes())
                rows.append(dict(truth, file=input_name))
                if progress is not None:
                    progress(len(rows), total)
        stack.enter_context(atomic_file(folder / CSV_NAME)).write(_csv(rows).encode())


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


def _csv(rows):
    lines = [CSV_FIELDS] + [[row[field] for field in CSV_FIELDS] for row in rows]
    return "".join(",".join(map(str, line)) + "\n" for line in lines)
