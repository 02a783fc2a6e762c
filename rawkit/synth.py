"""Synthetic datasets in the competition's format, any number of pairs, seeded.

Each patch has its own random stream (split, seed, index), so the files are the
same for any number of workers.
"""

import contextlib
import csv
import io
import multiprocessing
import os
from collections import namedtuple
from pathlib import Path

import numpy as np

from . import binio, scenes, sources
from .bayer import PLANES
from .sensor import expose, plane_noise, random_sensor

Recipe = namedtuple(
    "Recipe", "photo_share photo_scale blur brightness kinds shot_noise seen read_electrons"
)
Recipe.__doc__ = """What a synthetic world looks like.

Attributes
----------
photo_share : float
    Share of scenes cut from photographs; the rest is procedural.
photo_scale : (low, high)
    Resampling factor of the photographs.
blur : (low, high), pixels
    Standard deviation of the optics' blur, log-uniform.
brightness : (median, log-deviation)
    Mean of a clean mosaic over the white level, log-normal.
kinds, shot_noise, seen, read_electrons
    As in `rawkit.sensor.random_sensor`.
"""

MIXED = Recipe(
    photo_share=0.4,
    photo_scale=(0.4, 1.3),
    blur=(0.4, 2.2),
    brightness=(0.055, 0.75),
    kinds=(0.35, 0.35, 0.3),
    shot_noise=(1.8, 800.0),
    seen=(14.0, 100.0),
    read_electrons=(0.3, 60.0),
)
# photographs alone, with less extreme sensors: crisp, and with phone-like optics
SHARP = MIXED._replace(
    photo_share=1.0,
    photo_scale=(0.4, 0.8),
    blur=(0.3, 0.6),
    brightness=(0.08, 0.7),
    shot_noise=(1.8, 150.0),
    seen=(8.0, 65.0),
    read_electrons=(0.5, 12.0),
)
SOFT = SHARP._replace(
    photo_scale=(0.6, 1.3), blur=(1.2, 2.2), shot_noise=(4.0, 300.0), seen=(14.0, 100.0)
)
# "mixed" is near the competition's statistics, its two kinds of sensor and far beyond
PRESETS = {"mixed": MIXED, "sharp": SHARP, "soft": SOFT}

CSV_NAME = "true_parameters.csv"
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
        Which file's, e.g. `rawkit.binio.TRAIN_INPUT`.

    Returns
    -------
    dict of ndarrays, or None
        "shot_noise" (mean over the planes) and "black_level", shape (N,), DN;
        None if the set has no such table, as a real one.
    """
    path = Path(folder) / CSV_NAME
    if not path.is_file():
        return None
    with open(str(path), newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["file"] == name]
    slopes = [[float(row["shot_noise_" + plane]) for plane in PLANES] for row in rows]
    black = [float(row["black_level"]) for row in rows]
    return {"shot_noise": np.mean(slopes, axis=1), "black_level": np.array(black)}


def _recipe(preset):
    if isinstance(preset, Recipe):
        return preset
    if preset not in PRESETS:
        raise ValueError("found preset %r, expected one of %s" % (preset, ", ".join(PRESETS)))
    return PRESETS[preset]


def clean_patch(rng, photos, recipe):
    """Make one noise-free mosaic.

    Parameters
    ----------
    rng : numpy.random.Generator
    photos : list of PIL.Image
        May be empty: then the scene is procedural.
    recipe : Recipe

    Returns
    -------
    mosaic : ndarray, shape (256, 256), float32
        Linear light, RGGB, black at 0, 1 at the white level; more would saturate.
    source, blur : str, float
    """
    photographic = rng.random() < recipe.photo_share and len(photos) > 0
    if photographic:
        rgb = scenes.photo_scene(rng, photos, binio.PATCH_SIZE, recipe.photo_scale)
    else:
        rgb = scenes.procedural_scene(rng, binio.PATCH_SIZE)
    sigma = float(np.exp(rng.uniform(*np.log(recipe.blur))))
    rgb = scenes.camera_colors(rng, scenes.blur(rgb, sigma))
    red, blue = rng.uniform(1.0, 1.8, 2)
    mosaic = scenes.to_mosaic(rgb, red, blue)
    median, deviation = recipe.brightness
    brightness = median * np.exp(deviation * rng.standard_normal())
    mosaic *= np.float32(min(brightness, 0.7) / max(float(mosaic.mean()), 1e-6))
    return mosaic, "photograph" if photographic else "procedural", sigma


def make_pair(split, seed, index, photos=(), recipe=PRESETS["mixed"]):
    """Make one noisy patch and its ground truth.

    Parameters
    ----------
    split : str
        "train", "validation" or "test": where the scene comes from.
    seed, index : int
    photos : list of PIL.Image
        Of that split.
    recipe : Recipe

    Returns
    -------
    noisy, gt : ndarrays, shape (256, 256), uint16, DN
    truth : dict
        The row of the CSV, without "file".
    """
    rng = sources.scene_rng(split, seed, index)
    scene, source, sigma = clean_patch(rng, photos, recipe)
    sensor = random_sensor(rng, *recipe[4:])
    noisy, gt = expose(scene, sensor, rng)
    slopes, dark = plane_noise(sensor)
    values = [index, source, "%.3f" % sigma, sensor.bits, "%.2f" % sensor.black_level]
    values += [sensor.white_level] + ["%.6g" % x for x in list(slopes) + list(dark)]
    values += ["%.6g" % sensor.row_noise, "%.3g" % sensor.hot_pixels]
    return noisy, gt, dict(zip(CSV_FIELDS[1:], values))


_worker = {}  # what a worker process keeps: the photographs of each split


def _start_worker(files, quiet=True):
    _worker.clear()
    for split, paths in files.items():
        report = (lambda line: None) if quiet else print
        _worker[split] = scenes.load_photos(paths, binio.PATCH_SIZE, report)


def _pair_task(task):
    split, seed, index, recipe = task
    return make_pair(split, seed, index, _worker[split], recipe)


def _clean_task(task):
    split, seed, index, recipe = task
    rng = sources.scene_rng(split, seed, index)
    return clean_patch(rng, _worker[split], recipe)[0]


@contextlib.contextmanager
def _mapper(workers, files):
    """A map(function, tasks) over the cores that keeps the order."""
    _start_worker(files, quiet=False)  # says once what is skipped
    workers = workers or len(os.sched_getaffinity(0))
    if workers == 1:
        yield map
        return
    pool = multiprocessing.get_context("fork").Pool(workers)  # shares the photographs
    try:
        yield lambda function, tasks: pool.imap(function, tasks, chunksize=4)
    finally:
        pool.terminate()
        pool.join()


def _photo_files(splits, photos):
    files = {split: sources.photo_files(split, photos) for split in splits}
    if photos is not None and not any(files.values()):
        raise ValueError("%s: found no file, expected photographs" % photos)
    return files


def _check_count(name, value, low):
    if int(value) != value or value < low:
        raise ValueError("found %s %r, expected a whole number of at least %d" % (name, value, low))


def clean_patches(
    n, seed, split="train", workers=None, preset="mixed", photos=None, first=0, out=None
):
    """Make noise-free scenes, to be exposed with `rawkit.sensor.expose`.

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
        Index of the first scene: a stream without end is read piece by piece.
    out : array of float32 (n, 256, 256), optional
        Filled and returned, e.g. a memory map made by numpy.lib.format.open_memmap.

    Returns
    -------
    ndarray, shape (n, 256, 256), float32
        Linear light, RGGB, 1 at the white level.
    """
    _check_count("n", n, 1)
    recipe = _recipe(preset)
    if out is None:
        out = np.empty((n, binio.PATCH_SIZE, binio.PATCH_SIZE), np.float32)
    tasks = [(split, seed, first + i, recipe) for i in range(n)]
    with _mapper(workers, _photo_files([split], photos)) as run:
        for i, scene in enumerate(run(_clean_task, tasks)):
            out[i] = scene
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
        For parameters out of range (named) or a photo folder without a usable one.
    FileExistsError
        If a file of the dataset exists and `overwrite` is false.
    """
    folder, recipe = Path(folder), _recipe(preset)
    for name, value in (("train", train), ("test", test), ("seed", seed)):
        _check_count(name, value, 0)
    if train + test == 0:
        raise ValueError("found train 0 and test 0, expected at least one patch")
    jobs = [(binio.TRAIN_INPUT, binio.TRAIN_GT, train_split, train, 0)]
    jobs.append((binio.TEST_INPUT, binio.TEST_GT, test_split, test, train))
    jobs = [job for job in jobs if job[3]]
    paths = [folder / name for job in jobs for name in job[:2]] + [folder / CSV_NAME]
    for path in paths:
        if path.exists() and not overwrite:
            raise FileExistsError("%s: found a file, expected none or overwrite" % path)
    files = _photo_files({job[2] for job in jobs}, photos)
    table = io.StringIO()
    writer = csv.DictWriter(table, CSV_FIELDS, lineterminator="\n")
    writer.writeheader()
    done = 0
    with _mapper(workers, files) as run:
        if photos is not None and not any(_worker.values()):
            raise ValueError("%s: found no usable photograph" % photos)
        for input_name, gt_name, split, count, first in jobs:
            # test indices follow the training ones: with one split no scene comes twice
            tasks = ((split, seed, first + i, recipe) for i in range(count))
            with binio.atomic_file(folder / gt_name) as gt_file, binio.atomic_file(
                folder / input_name
            ) as input_file:
                for noisy, gt, truth in run(_pair_task, tasks):
                    input_file.write(noisy.astype("<u2").tobytes())
                    gt_file.write(gt.astype("<u2").tobytes())
                    writer.writerow(dict(truth, file=input_name))
                    done += 1
                    if progress is not None:
                        progress(done, train + test)
    with binio.atomic_file(folder / CSV_NAME) as file:
        file.write(table.getvalue().encode())
    return paths
