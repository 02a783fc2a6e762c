"""The run that makes the weights that come with the suite, from nothing.

Data: synthetic scenes and sensors alone (`rawkit.synth`, split "train"), so that
anyone can repeat it.
"""

from pathlib import Path

import megengine
import numpy as np

from ..binio import open_pairs
from ..places import TEST_INPUT
from ..score import megcup_score
from ..synth import clean_patches, get_recipe, write_dataset
from .archive import load_arrays
from .batches import SyntheticBatches
from .losses import score_loss
from .networks import NETWORKS, Stabilised
from .optimizer import cosine_decay
from .prediction import denoise
from .training import train, write_log
from .weights import save_model, set_weights

SCENES_SEED = 11
VALIDATION_SEED = 5
VALIDATION_PRESETS = ("sharp", "soft")  # crisp and phone-like optics
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

    Returns
    -------
    path : Path
        The weights, `NETWORK.npz`.
    history : rawkit.nn.History
        Scores are the mean over the validation sets.

    Raises
    ------
    ValueError
        If there is no such network, or `start` holds another one.
    """
    if network not in NETWORKS:
        raise ValueError(
            "found network %r, expected one of %s" % (network, ", ".join(sorted(NETWORKS)))
        )
    folder = Path(folder)
    clean = _scenes(folder, scenes)
    validation = [_validation(folder / preset, preset) for preset in VALIDATION_PRESETS]
    megengine.random.seed(seed)
    config = {"views": views} if network == "BlindUNet" else {}
    model = NETWORKS[network](**config)
    command = "python -m rawkit train %s --steps %d --scenes %d --seed %d"
    command %= (network, steps, scenes, seed)
    if views != 2 and config:
        command += " --views %d" % views
    origin = {}
    if start:
        weights, meta = load_arrays(start)
        set_weights(model, weights, start)
        origin["start"] = {key: meta[key] for key in ("command", "steps", "start") if key in meta}
        command += " --start WEIGHTS"
    if crop != 96:
        command += " --crop %d" % crop
    learning_rate = learning_rate or (5e-4 if start else 2e-3)
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
        checkpoint=folder / (network + "_checkpoint.npz"),
        validate=lambda model: np.mean([megcup_score(denoise(model, n), g) for n, g in validation]),
        validate_every=validate_every,
        progress=True,
    )
    write_log(folder / (network + "_log.csv"), history)
    path = folder / (network + ".npz")
    save_model(
        path,
        model,
        steps=steps + origin.get("start", {}).get("steps", 0),
        data="synthetic, %d scenes of the split train" % scenes,
        validation_score=round(history.scores[-1][1], 4),
        command=command,
        **origin,
    )
    return path, history


def _scenes(folder, count):
    """Clean scenes, made once and kept in a file; scene i is of RECIPES[i % 3]."""
    path = folder / ("scenes_of_three_%d.npy" % count)
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        shape = (count, 256, 256)
        out = np.lib.format.open_memmap(str(unfinished), "w+", np.float32, shape)
        for i, recipe in enumerate(RECIPES):
            part = out[i :: len(RECIPES)]
            if len(part):
                clean_patches(len(part), SCENES_SEED + i, preset=recipe, out=part)
        out.flush()
        unfinished.replace(path)
    return np.load(str(path), mmap_mode="r")


def _validation(folder, preset):
    if not (folder / TEST_INPUT).is_file():
        write_dataset(
            folder, 0, 32, VALIDATION_SEED, preset=preset, test_split="validation", overwrite=True
        )
    return open_pairs(folder, TEST_INPUT)
