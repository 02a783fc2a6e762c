"""The training that makes the suite's own weights, from nothing.

Data: synthetic scenes and sensors alone (`rawkit.synth`, split "train"), so that
anyone can repeat it.
"""

from pathlib import Path

import megengine
import numpy as np

from ..binio import PATCH_SIZE, open_pairs
from ..conv.device import NO_GPU, without_lines
from ..nn.evaluation import has_test_gt
from ..nn.networks import NETWORKS
from ..nn.prediction import denoise
from ..nn.stabilized import Stabilized
from ..nn.tensor_files import check_meta, load_arrays, save_arrays
from ..nn.weights import save_model, set_weights
from ..places import TEST_INPUT, check_output, show_path
from ..score import megcup_score
from ..synth import clean_patches, get_recipe, write_dataset
from ..synth.patches import check_count
from .batches import SyntheticBatches, check_crop
from .loop import train, write_log
from .losses import score_loss
from .optimizer import cosine_decay

SCENES_SEED = 11
VALIDATION_SEED = 5
VALIDATION_PRESETS = ("sharp", "soft")  # crisp and phone-like optics
VALIDATION_PATCHES = 32  # of each preset
# From nothing to within 0.03 of the scores of the suite's weights.  Larger crops give noise
# estimates nearly as good as those of a whole patch.
RELEASE = {"network": "BlindUNet", "steps": 45000, "crop": 128}
# scenes of three kinds take turns, each with its kind of sensors; what is white stays gray
RECIPES = tuple(get_recipe(p)._replace(neutral_white=True) for p in ("mixed", "sharp", "soft"))


def pretrain(
    network, folder, steps=12000, scenes=2400, seed=1, start=None, crop=96, learning_rate=None
):
    """Train a network on synthetic data; call again to go on after an interruption.

    Parameters
    ----------
    network : str
        A name in `rawkit.nn.NETWORKS`.
    folder : str or Path
        Where scenes (1 GiB per 4096, in memory as well), validation
        data, checkpoint, learning curve and weights go.
    steps, scenes, seed : int
    start : str, Path or None
        Weights of this network to start from; None begins from random ones.
    crop : int
        Side of the crops, in pixels.  A batch holds about as many pixels as 16
        crops of 96.
    learning_rate : float or None
        Of the first steps; None takes 2e-3, or a quarter of it with `start`.

    Returns
    -------
    path : Path
        The weights, `NETWORK.safetensors`.
    history : rawkit.training.History
        Scores are the mean over the validation sets.

    Raises
    ------
    ValueError
        If there is no such network, `start` holds another one or is the weights' own path, or
        a number is out of range.
    OSError
        If another process trains this network in this folder.
    """
    _check(network, steps, scenes, seed, crop, learning_rate)
    megengine.random.seed(seed)
    model = NETWORKS[network]()
    origin = _take_weights(model, start) if start else {}
    folder = Path(folder)
    path, log = folder / f"{network}.safetensors", folder / f"{network}_log.csv"
    for output in (path, log):
        check_output(output, start)
    print(f"scenes, made once: {show_path(folder)}", flush=True)
    with without_lines(NO_GPU):  # from the processes that make scenes
        clean = _scenes(folder, scenes)
        validation = [_validation(folder / preset, preset) for preset in VALIDATION_PRESETS]
    batches = SyntheticBatches(
        clean,
        batch_size=max(1, round(16 * 96**2 / crop**2)),
        crop=crop,
        seed=seed,
        recipes=RECIPES,
        vary=True,
        with_line=isinstance(model, Stabilized),
    )
    history = train(
        model,
        batches,
        steps,
        learning_rate or (5e-4 if start else 2e-3),
        loss=score_loss,
        schedule=cosine_decay,
        ema_decay=0.999,
        clip_norm=0.03,  # some four times the usual norm: a rare bad estimate must not throw it
        checkpoint=folder / f"{network}_checkpoint.safetensors",
        validate=lambda model: np.mean([megcup_score(denoise(model, n), g) for n, g in validation]),
        validate_every=500,
        progress=True,
    )
    chosen = {"steps": steps, "scenes": scenes, "seed": seed, "crop": crop}
    chosen.update({"learning-rate": learning_rate, "start": start and "WEIGHTS"})
    options = [f" --{name} {value}" for name, value in chosen.items() if value is not None]
    save_model(
        path,
        model,
        steps=steps + origin.get("steps", 0),
        data=f"synthetic, {scenes} scenes of the split train",
        validation_score=round(history.scores[-1][1], 4),
        command=f"python -m rawkit train {network}{''.join(options)}",
        **({"start": origin} if start else {}),
    )
    write_log(log, history)
    return path, history


def _check(network, steps, scenes, seed, crop, learning_rate):
    if network not in NETWORKS:
        raise ValueError(f"found network {network!r}, expected one of {', '.join(NETWORKS)}")
    for name, value, low in (("steps", steps, 1), ("scenes", scenes, 1), ("seed", seed, 0)):
        check_count(name, value, low)
    if learning_rate is not None and not 0 < learning_rate < float("inf"):
        raise ValueError(f"found learning_rate {learning_rate!r}, expected more than 0")
    check_crop(crop, PATCH_SIZE - 2)


def _take_weights(model, start):
    """Start from weights; return their history."""
    weights, meta = load_arrays(start)
    check_meta(start, meta, steps=int, command=str, start=dict)
    set_weights(model, weights, start)
    return {key: meta[key] for key in ("command", "steps", "start") if key in meta}


def _scenes(folder, count):
    """Clean scenes, made once and kept in a file; scene i is of RECIPES[i % 3]."""
    path = folder / f"scenes_of_three_{count}.safetensors"
    if not path.is_file():
        scenes = np.empty((count, PATCH_SIZE, PATCH_SIZE), np.float32)
        for kind, recipe in enumerate(RECIPES[:count]):
            turns = scenes[kind :: len(RECIPES)]
            turns[:] = clean_patches(len(turns), SCENES_SEED + kind, preset=recipe)
        save_arrays(path, {"scenes": scenes}, {})
    return load_arrays(path)[0]["scenes"]


def _validation(folder, preset):
    if not has_test_gt(folder):
        options = {"preset": preset, "test_split": "validation", "overwrite": True}
        write_dataset(folder, 0, VALIDATION_PATCHES, VALIDATION_SEED, **options)
    return open_pairs(folder, TEST_INPUT)
