"""Score the networks that come with the suite, beside the untouched input.  By hand:

python tests/benchmarks/bench_scores.py [sets | cameras | deviations | strangers] [--patches N]
                                        [--bm3d]

`--bm3d` adds a column: BM3D on the stabilized planes of each patch, told the noise that the
pair shows.  It needs the package `bm3d`, which is free for research only, and takes a
quarter of a minute a patch.
`sets` (the default) prints README's table: photographs of the split "test", which trained
and chose nothing, with crisp and with phone-like optics, and the synthetic test set in data/.
`cameras`: what cameras do and a laboratory does not, kind by kind; with an interval of the
score, and the error of the answer over that of the input: the median patch and the worst of
twenty.  No kind may make it more than 1.
`deviations`: sets in each of which all sensors deviate from their data sheets in one way.
`strangers`: sets of sensors of a kind that training never draws.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from rawkit import megcup_score, normalized_l1, pack_bayer, synth, unpack_bayer
from rawkit.binio import open_pairs
from rawkit.nn import SHIPPED, SHIPPED_BASELINE, denoise, load_model
from rawkit.noise import estimate_pairs, gat, inverse_gat
from rawkit.places import ROOT, TEST_INPUT
from rawkit.score import interval_of_errors, score_of_errors
from rawkit.synth.sensor import Deviations

SEED = 2028
bm3d = None  # the package, if it was asked for
NETWORKS = (
    ("official baseline, same data", SHIPPED_BASELINE),
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


def score_all(name, noisy, gt, ratios=False):
    """One row of the table."""
    before = normalized_l1(noisy, gt)
    errors = [before]
    for _, path in NETWORKS:
        errors.append(normalized_l1(denoise(load_model(path)[0], noisy), gt))
    cells = [f"{score_of_errors(x):.3f}" for x in errors]
    if bm3d:
        cells.append(f"{megcup_score(denoise_with_bm3d(noisy, gt), gt):.3f}")
    if ratios:
        low, high = interval_of_errors(errors[-1])
        middle, worst = np.quantile(errors[-1] / before, [0.5, 0.95])
        cells += [f"{low:.2f} to {high:.2f}", f"{middle:.2f}, {worst:.2f}"]
    print(f"| {name}, {len(gt)} patches | {' | '.join(cells)} |", flush=True)


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


def _exposed(low, high):
    """Light that clips a share of the pixels, log-uniform between two."""

    def expose_so(mosaic, sensor, rng):
        share = np.exp(rng.uniform(np.log(low), np.log(high)))
        return mosaic / max(float(np.quantile(mosaic, 1 - share)), 0.01)

    return expose_so


def _night(mosaic, sensor, rng):
    """A street at night: little light but for lamps, each with its glow, far beyond white."""
    dark = mosaic * np.float32(np.exp(rng.uniform(np.log(0.005), np.log(0.05))) / mosaic.mean())
    y, x = np.mgrid[: mosaic.shape[0], : mosaic.shape[1]]
    for _ in range(rng.integers(1, 5)):
        far = np.hypot(y - rng.integers(y.max()), x - rng.integers(x.max()))
        dark += 4 * np.exp(-((far / rng.uniform(3, 20)) ** 2)) + 0.3 / (1 + (far / 12) ** 2)
    return dark.astype(np.float32)


def cameras(patches):
    """Kinds of light, and of sensors: what both are made from, and the fields of the sensor."""

    def same(mosaic, sensor, rng):
        return mosaic

    kinds = {
        "0 to 20 % clipped": (_exposed(0.002, 0.2), lambda s, rng: {}),
        "30 to 70 % clipped": (_exposed(0.3, 0.7), lambda s, rng: {}),
        "night with lamps": (_night, lambda s, rng: {}),
        "planes 1 to 1.4 times as noisy": (
            same,
            lambda s, rng: {"noise_scale": tuple(rng.uniform(1, 1.4, 4))},
        ),
        "banding, 0.05 to 0.5 of the read noise": (
            same,
            lambda s, rng: {
                "row_noise": s.read_noise * rng.uniform(0.05, 0.5),
                "column_noise": s.read_noise * rng.uniform(0.05, 0.5),
            },
        ),
        "noise smoothed by the camera": (same, lambda s, rng: {"noise_blur": rng.uniform(0, 0.25)}),
    }
    photographs = synth.photo_files("test")
    for kind, (light, fields) in kinds.items():
        pairs = []
        for i in range(patches):
            rng = synth.scene_rng("test", SEED, i)
            recipe = synth.PRESETS[("sharp", "soft")[i % 2]]
            mosaic = synth.make_mosaic(rng, recipe, photographs).mosaic
            sensor = synth.random_sensor(rng, recipe)
            sensor = sensor._replace(**fields(sensor, rng))
            pairs.append(synth.expose(light(mosaic, sensor, rng), sensor, rng))
        score_all(kind, *(np.array(frames) for frames in zip(*pairs)), ratios=True)


MEASURED = {"sets": sets, "cameras": cameras, "deviations": deviations, "strangers": strangers}

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
    if chosen.what == "cameras":
        names += ["95 % interval", "error over input: median, worst of 20"]
    print("| data | untouched | %s |" % " | ".join(names))
    print("|---" * (len(names) + 2) + "|")
    MEASURED[chosen.what](chosen.patches)
