"""The run that makes the weights that come with the suite, from nothing.

Data: synthetic scenes and sensors alone (`rawkit.synth`, split "train"), so that
anyone can repeat it.
"""

from pathlib import Path

import megengine
import numpy as np

from ..binio import PATCH_SIZE, open_pairs
from ..conv.device import NO_GPU, without_lines
from ..nn.networks import NETWORKS, Stabilised
from ..nn.prediction import denoise
from ..nn.tensor_files import load_arrays
from ..nn.weights import save_model, set_weights
from ..places import TEST_INPUT, atomic_file, check_output, show_path
from ..score import megcup_score
from ..synth import clean_patches, get_recipe, write_dataset
from .batches import SyntheticBatches, check_crop
from .loop import train, write_log
from .losses import score_loss
from .optimizer import cosine_decay

SCENES_SEED = 11
VALIDATION_SEED = 5
VALIDATION_PRESETS = ("sharp", "soft")  # crisp and phone-like optics
VALIDATION_PATCHES = 32  # of each preset
PIECE = 192  # scenes made and written at a time, 50 MB; a multiple of the recipes
# What made the weights of the suite; each stage starts from the one before.  Larger crops
# give noise estimates nearly as good as those of a whole patch.
RELEASE = (
    {"steps": 12000, "seed": 1, "views": 1},
    {"steps": 12000, "seed": 2, "views": 1, "crop": 128, "learning_rate": 1e-3},
    {"steps": 4000, "seed": 3, "views": 1, "crop": 128, "learning_rate": 1e-3},
    {"steps": 3500, "seed": 4, "crop": 128},
    {"steps": 6000, "seed": 5, "crop": 128},
)
# scenes of three kinds take turns, white ones grey, each with its kind of sensors
RECIPES = tuple(get_recipe(p)._replace(neutral_white=True) for p in ("mixed", "sharp", "soft"))


def pretrain(
    network,
    folder,
    steps=12000,
    scenes=2400,
    seed=1,
    start=None,
    crop=96,
    views=2,
    learning_rate=None,
    validate_every=500,
    data=None,
):
    """Train a network on synthetic data; call again to go on after an interruption.

    Parameters
    ----------
    network : str
        A name in `rawkit.nn.NETWORKS`.
    folder : str or Path
        Where scenes (1 GiB per 4096), validation data, checkpoint, learning curve
        and weights go.
    steps, scenes, seed : int
    start : str, Path or None
        Weights of this network to start from; None begins from random ones.
    crop : int
        Side of the crops, in pixels.  A batch holds about as many pixels as 16
        crops of 96.
    views : 1 or 2
        Of a BlindUNet.  2 takes twice as long a step and can start from weights of 1.
    learning_rate : float or None
        Of the first steps; None takes 2e-3, or a quarter of it with `start`.
    validate_every : int, steps
    data : str, Path or None
        Where scenes and validation data go, or lie already; None: `folder`.

    Returns
    -------
    path : Path
        The weights, `NETWORK.safetensors`.
    history : rawkit.training.History
        Scores are the mean over the validation sets.

    Raises
    ------
    ValueError
        If there is no such network, `start` holds another one, or a number is out of range.
    OSError
        If another process trains this network in this folder.
    """
    _check(network, steps, scenes, crop, learning_rate)
    folder, data = Path(folder), Path(data or folder)
    path, log = folder / (network + ".safetensors"), folder / (network + "_log.csv")
    for output in (path, log):
        check_output(output)
    model, origin = _first_model(network, seed, views, start)
    command = _command(network, steps, scenes, seed, start, crop, views, learning_rate)
    learning_rate = learning_rate or (5e-4 if start else 2e-3)
    print("scenes, made once: %s" % show_path(data), flush=True)
    with without_lines(NO_GPU):  # from the processes that make scenes
        clean = _scenes(data, scenes)
        validation = [_validation(data / preset, preset) for preset in VALIDATION_PRESETS]
    batches = SyntheticBatches(
        clean,
        batch_size=max(1, round(16 * 96**2 / crop**2)),
        crop=crop,
        seed=seed,
        recipes=RECIPES,
        vary=True,
        with_line=isinstance(model, Stabilised),
    )
    history = train(
        model,
        batches,
        steps,
        learning_rate,
        loss=score_loss,
        schedule=cosine_decay,
        ema_decay=0.999,
        clip_norm=0.03,  # some four times the usual norm: a rare bad estimate must not throw it
        checkpoint=folder / (network + "_checkpoint.safetensors"),
        validate=lambda model: np.mean([megcup_score(denoise(model, n), g) for n, g in validation]),
        validate_every=validate_every,
        progress=True,
    )
    save_model(
        path,
        model,
        steps=steps + origin.get("start", {}).get("steps", 0),
        data="synthetic, %d scenes of the split train" % scenes,
        validation_score=round(history.scores[-1][1], 4),
        command=command,
        **origin,
    )
    write_log(log, history)
    return path, history


def _check(network, steps, scenes, crop, learning_rate):
    if network not in NETWORKS:
        raise ValueError(
            "found network %r, expected one of %s" % (network, ", ".join(sorted(NETWORKS)))
        )
    for name, value in (("steps", steps), ("scenes", scenes)):
        if value < 1:
            raise ValueError("%s: found %r, expected at least 1" % (name, value))
    if learning_rate is not None and not 0 < learning_rate < float("inf"):
        raise ValueError("learning_rate: found %r, expected more than 0" % learning_rate)
    check_crop(crop, PATCH_SIZE)


def pretrain_release(folder, scenes=2400):
    """Train the network that comes with the suite from nothing: all stages of `RELEASE`.

    Parameters
    ----------
    folder : str or Path
        Where scenes and validation data go, and a folder for each stage.  Called again,
        it goes on where it was interrupted.
    scenes : int

    Returns
    -------
    path : Path
        The weights.
    history : rawkit.training.History
        Of the last stage.

    Raises
    ------
    ValueError, OSError
        As `pretrain`.
    """
    path, history = None, None
    for i, stage in enumerate(RELEASE, start=1):
        stage = dict(stage, scenes=scenes, start=path, data=folder)
        path, history = pretrain("BlindUNet", Path(folder) / ("stage_%d" % i), **stage)
    return path, history


def _command(network, steps, scenes, seed, start, crop, views, learning_rate):
    """What a reader types to train such weights again."""
    words = "python -m rawkit train %s --steps %d --scenes %d --seed %d"
    words %= (network, steps, scenes, seed)
    if _options(network, views) and views != 2:
        words += " --views %d" % views
    if learning_rate:
        words += " --learning-rate %r" % learning_rate
    return words + (" --start WEIGHTS" if start else "") + (" --crop %d" % crop) * (crop != 96)


def _options(network, views):
    return {"views": views} if network == "BlindUNet" else {}


def _first_model(network, seed, views, start):
    """The network before its first step, and the history of the weights it starts from."""
    megengine.random.seed(seed)
    model = NETWORKS[network](**_options(network, views))
    if not start:
        return model, {}
    weights, meta = load_arrays(start)
    set_weights(model, weights, start)
    return model, {
        "start": {key: meta[key] for key in ("command", "steps", "start") if key in meta}
    }


def _scenes(folder, count):
    """Clean scenes, made once and kept in a file; scene i is of RECIPES[i % 3]."""
    path, shape = folder / ("scenes_of_three_%d.npy" % count), (count, PATCH_SIZE, PATCH_SIZE)
    if not path.is_file():
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        # written in order and not through a memory map, which a full disk would end the
        # process for without a word
        with atomic_file(path) as file:
            np.lib.format.write_array_header_1_0(file, header)
            for first in range(0, count, PIECE):
                file.write(_make_scenes(first, min(PIECE, count - first)).data)
    try:
        scenes = np.load(str(path), mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(
            "%s: found no scenes (%s); remove it to have them made anew" % (path, error)
        ) from None
    if scenes.shape != shape or scenes.dtype != np.float32:
        raise ValueError("%s: found %s, expected %s" % (path, scenes.shape, shape))
    return scenes


def _make_scenes(first, count):
    out = np.empty((count, PATCH_SIZE, PATCH_SIZE), "<f4")
    for i, recipe in enumerate(RECIPES):
        part = out[i :: len(RECIPES)]
        if len(part):
            start = first // len(RECIPES)
            clean_patches(len(part), SCENES_SEED + i, preset=recipe, first=start, out=part)
    return out


def _validation(folder, preset):
    if not (folder / TEST_INPUT).is_file():
        options = {"preset": preset, "test_split": "validation", "overwrite": True}
        write_dataset(folder, 0, VALIDATION_PATCHES, VALIDATION_SEED, **options)
    return open_pairs(folder, TEST_INPUT)
