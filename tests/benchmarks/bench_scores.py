"""Score the networks that come with the suite, beside the untouched input.  By hand:

python tests/benchmarks/bench_scores.py [sets | deviations | strangers] [--patches N] [--bm3d]

`--bm3d` adds a column: BM3D on the stabilised planes of each patch, told the noise that the
pair shows.  It needs the package `bm3d`, which is free for research only, and takes a
quarter of a minute a patch.
`sets` (the default) prints README's table: photographs of the split "test", which trained
and chose nothing, with crisp and with phone-like optics, and the synthetic test set in data/.
`deviations`: sets in each of which all sensors deviate from their data sheets in one way.
`strangers`: sets of sensors of a kind that training never draws.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from rawkit import megcup_score, pack_bayer, synth, unpack_bayer
from rawkit.binio import open_pairs
from rawkit.nn import SHIPPED, SHIPPED_BASELINE, denoise, load_model
from rawkit.noise import estimate_pairs, gat, inverse_gat
from rawkit.places import ROOT, TEST_INPUT
from rawkit.synth.sensor import Deviations

SEED = 2028
bm3d = None  # the package, if it was asked for
NETWORKS = (
    ("official baseline, same data", SHIPPED_BASELINE),
    ("first release", SHIPPED.with_name("first_release.safetensors")),
    ("shipped", SHIPPED),
)


def denoise_with_bm3d(noisy, gt):
    """What BM3D makes of patches if it is told the variance line that each pair shows."""
    line = estimate_pairs(noisy, gt)
    answers = []
    for patch, slope, intercept in zip(noisy, line.shot_noise.mean(1), line.intercept.mean(1)):
        planes = gat(pack_bayer(patch.astype(np.float64)), slope, intercept)
        clean = np.array([bm3d.bm3d(plane, 1.0) for plane in planes])  # their noise: deviation 1
        answers.append(unpack_bayer(inverse_gat(clean, slope, intercept)))
    return np.clip(np.rint(answers), 0, 65535).astype(np.uint16)


def score_all(name, noisy, gt):
    """One row of the table."""
    scores = [megcup_score(noisy, gt)]
    for _, path in NETWORKS:
        scores.append(megcup_score(denoise(load_model(path)[0], noisy), gt))
    if bm3d:
        scores.append(megcup_score(denoise_with_bm3d(noisy, gt), gt))
    print("| %s, %d patches | %s |" % (name, len(gt), " | ".join("%.3f" % x for x in scores)))
    sys.stdout.flush()


def sets(patches):
    for preset in ("sharp", "soft"):
        with tempfile.TemporaryDirectory() as folder:
            synth.write_dataset(folder, 0, patches, SEED, preset=preset)
            score_all(preset, *open_pairs(folder, TEST_INPUT))
    score_all("test set in data/", *open_pairs(ROOT / "data", TEST_INPUT))


def score_sensors(name, patches, change):
    """Score a set, sharp and soft in turn, whose sensors `change` makes: sensor and offset."""
    photographs, pairs = synth.photo_files("test"), []
    for i in range(patches):
        rng = synth.scene_rng("test", SEED, i)
        recipe = synth.PRESETS[("sharp", "soft")[i % 2]]
        mosaic = synth.make_mosaic(rng, recipe, photographs).mosaic
        sensor, offset = change(synth.random_sensor(rng, recipe), rng, i)
        pairs.append([x + np.uint16(offset) for x in synth.expose(mosaic, sensor, rng)])
    score_all(name, *(np.array(frames) for frames in zip(*pairs)))


def deviations(patches):
    for kind in ("none",) + Deviations._fields:
        shares = Deviations(*(float(field == kind) for field in Deviations._fields))

        def change(sensor, rng, i, shares=shares):  # the same noise in all sets
            return synth.vary_sensor(sensor, np.random.default_rng(i), shares)

        score_sensors(kind, patches, change)


def strangers(patches):
    """Beyond what `random_sensor` and `vary_sensor` draw, each in one way."""
    kinds = {
        "as in training": lambda sensor, x: {},
        "read noise of 80 to 200 electrons": lambda sensor, x: {
            "read_noise": min(3200.0, sensor.shot_noise * 80 * 2.5**x)
        },
        "rows 0.7 to 1.5 times as noisy as pixels": lambda sensor, x: {
            "row_noise": sensor.read_noise * 0.7 * (1.5 / 0.7) ** x
        },
        "900 to 2500 DN an electron": lambda sensor, x: {"shot_noise": 900.0 * (25 / 9) ** x},
    }
    for kind, values in kinds.items():

        def change(sensor, rng, i, values=values):
            return sensor._replace(**values(sensor, rng.random())), 0

        score_sensors(kind, patches, change)


MEASURED = {"sets": sets, "deviations": deviations, "strangers": strangers}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="?", default="sets", choices=sorted(MEASURED))
    parser.add_argument("--patches", type=int, default=64)
    parser.add_argument("--bm3d", action="store_true")
    chosen = parser.parse_args()
    names = [name for name, _ in NETWORKS]
    if chosen.bm3d:
        try:
            import bm3d
        except ImportError:
            parser.error("found no package bm3d, which --bm3d needs: pip install bm3d")
        names.append("BM3D, told the noise")
    print("| data | untouched | %s |" % " | ".join(names))
    print("|---" * (len(names) + 2) + "|")
    MEASURED[chosen.what](chosen.patches)
