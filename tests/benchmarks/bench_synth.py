"""Measure the synthetic world: speed, estimation errors, untouched scores.  By hand:

python tests/benchmarks/bench_synth.py [speed] [errors] [scores]
"""

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from rawkit import megcup_score, open_patches, places, synth
from rawkit.noise import estimate_blind, estimate_pairs, line_variance


def milliseconds(function, repeats):
    """Median and best time of a call."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        function()
        times.append(1e3 * (time.perf_counter() - began))
    return "%.1f ms in the median, %.1f at best" % (np.median(times), min(times))


def speed():
    rng = np.random.default_rng(0)
    scenes = synth.clean_patches(16, 0, workers=1)
    crops = np.ascontiguousarray(scenes[:, 80:176, 80:176])

    def one_batch():
        for crop in crops:
            synth.expose(crop, synth.random_sensor(rng), rng)

    one_batch()
    print("16 random sensors expose 16 crops of 96 x 96:", milliseconds(one_batch, 100))
    shots = [synth.expose(scene, synth.random_sensor(rng), rng) for scene in scenes]
    noisy, gt = (np.array(frames) for frames in zip(*shots))
    print("blind estimate, a patch alone:", milliseconds(lambda: estimate_blind(noisy[0]), 50))
    print("blind estimate, 16 patches:", milliseconds(lambda: estimate_blind(noisy), 20))
    print("pair estimate, 16 patches:", milliseconds(lambda: estimate_pairs(noisy, gt), 5))
    for workers in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            synth.write_dataset(folder, 512, 0, 1, workers=workers)
            seconds = time.perf_counter() - began
        print("synth, 512 pairs, %d workers: %.1f pairs a second" % (workers, 512 / seconds))


def errors(number=600):
    """Distribution of the estimators' errors over scenes that trained nothing."""
    photographs = synth.photo_files("test")
    rows = []
    for i in range(number):
        rng = synth.scene_rng("test", 4, i)
        scene, source, _ = synth.make_mosaic(rng, synth.MIXED, photographs)
        s = synth.random_sensor(rng)
        noisy, gt = synth.expose(scene, s, rng)
        slopes, dark = synth.plane_noise(s)
        pair, blind = estimate_pairs(noisy[None], gt[None]), estimate_blind(noisy)
        levels = np.quantile(gt, [0.1, 0.5, 0.9])
        true = slopes.mean() * (levels - s.black_level) + dark.mean()
        guess = line_variance(blind, levels[None])[0]
        row = [slopes.mean(), np.median(np.abs(pair.shot_noise[0] / slopes - 1))]
        row += [abs(blind.shot_noise / slopes.mean() - 1), *np.abs(np.sqrt(guess / true) - 1)]
        row.append(source == "photograph")
        rows.append(row)
    rows = np.array(rows, np.float64)
    strong = rows[:, 0] >= 1e-4 * 65535
    groups = [("all", strong), ("photographs", strong & (rows[:, -1] == 1))]
    groups += [("procedural", strong & (rows[:, -1] == 0)), ("slope below 1e-4", ~strong)]
    names = ["pair slope", "blind slope", "noise, dark", "noise, median", "noise, bright"]
    for label, chosen in groups:
        print(
            "%s, %d patches: median, 75 %%, 90 %%, 95 %% of the relative error"
            % (label, chosen.sum())
        )
        for name, column in zip(names, rows[chosen, 1:6].T):
            quantiles = np.quantile(column, [0.5, 0.75, 0.9, 0.95])
            print("  %-14s" % name, " ".join("%6.1f %%" % (100 * q) for q in quantiles))


def scores(number=1024):
    for preset in synth.PRESETS:
        for split in ("validation", "test"):
            with tempfile.TemporaryDirectory() as folder:
                synth.write_dataset(folder, number, 0, 7, preset=preset, train_split=split)
                pair = [
                    open_patches(Path(folder) / n) for n in (places.TRAIN_INPUT, places.TRAIN_GT)
                ]
                print("%s, %s: untouched %.3f" % (preset, split, megcup_score(*pair)), end=", ")
                gt = pair[1].reshape(number, 128, 2, 128, 2).mean((1, 3)) / 65535
                print("planes", gt.mean(0).ravel().round(4), "±", gt.std(0).ravel().round(4))


if __name__ == "__main__":
    for part in sys.argv[1:] or ["speed", "errors", "scores"]:
        {"speed": speed, "errors": errors, "scores": scores}[part]()
