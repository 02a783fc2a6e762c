"""Clean patches and noisy pairs, made on all cores.

Each patch has its own random stream (split, seed, index), so they are the same for any
number of workers.
"""

import contextlib
import multiprocessing
import signal
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
from joblib import cpu_count  # knows of affinity and of a container's quota

from ..bayer import PLANES
from ..binio import PATCH_SIZE
from .photographs import usable_photographs
from .pipeline import expose, make_mosaic
from .recipes import get_recipe
from .sensor import plane_noise, random_sensor
from .sources import photo_files, scene_rng

TRUTH_FIELDS = (
    ["index", "source", "blur_px", "bits", "black_level", "white_level"]
    + ["shot_noise_" + plane for plane in PLANES]
    + ["read_noise_var_" + plane for plane in PLANES]
    + ["row_noise", "hot_pixels"]
)


def make_pair(split, seed, photographs, recipe, index):
    """Make one noisy patch and its ground truth.

    Parameters
    ----------
    split : str
        "train", "validation" or "test": where the scene comes from.
    seed : int
    photographs : list of Path
        Of that split.
    recipe : rawkit.synth.Recipe
    index : int

    Returns
    -------
    noisy, gt : ndarrays, shape (256, 256), uint16, DN
    truth : dict
        The true parameters, TRUTH_FIELDS.
    """
    rng = scene_rng(split, seed, index)
    clean = make_mosaic(rng, recipe, photographs)
    sensor = random_sensor(rng, recipe)
    noisy, gt = expose(clean.mosaic, sensor, rng)
    slopes, dark = plane_noise(sensor)
    values = [index, clean.source, f"{clean.blur:.3f}", sensor.bits, f"{sensor.black_level:.2f}"]
    values += [sensor.white_level] + [f"{x:.6g}" for x in list(slopes) + list(dark)]
    values += [f"{sensor.row_noise:.6g}", f"{sensor.hot_pixels:.3g}"]
    return noisy, gt, dict(zip(TRUTH_FIELDS, values))


def _make_clean(split, seed, photographs, recipe, index):
    return make_mosaic(scene_rng(split, seed, index), recipe, photographs).mosaic


@contextlib.contextmanager
def mapper(workers=None):
    """A map(function, indices) over the cores that keeps the order."""
    workers = cpu_count() if workers is None else workers
    if workers == 1:
        yield map
    else:
        fork = multiprocessing.get_context("fork")
        # not multiprocessing's Pool, which waits for ever where a worker was killed
        with ProcessPoolExecutor(workers, fork, _leave_signals) as pool:
            yield partial(pool.map, chunksize=4)


def _leave_signals():
    """In a worker: Ctrl-C reaches every process, and the first one ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def find_photographs(split, recipe, folder=None):
    """The photographs of a split, bundled or the user's own."""
    if not recipe.photo_share:
        return []
    photographs = usable_photographs(photo_files(split, folder), PATCH_SIZE)
    if not photographs:
        place = folder or "the bundled photographs"
        why = "a checksum sends one of ten there (train: eight): add some, or choose another split"
        raise ValueError(f"{place}: found no usable photograph of the split {split!r}; {why}")
    return photographs


def check_count(name, value, low):
    if int(value) != value or value < low:
        raise ValueError(f"found {name} {value!r}, expected a whole number of at least {low}")


def clean_patches(n, seed, split="train", workers=None, preset="mixed", photos=None):
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

    Returns
    -------
    ndarray, shape (n, 256, 256), float32
        Linear light, RGGB, 1 at the white level.
    """
    check_count("n", n, 1)
    recipe = get_recipe(preset)
    photographs = find_photographs(split, recipe, photos)
    with mapper(workers) as run:
        return np.array(list(run(partial(_make_clean, split, seed, photographs, recipe), range(n))))
