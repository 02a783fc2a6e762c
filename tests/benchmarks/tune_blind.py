"""Choose the constants of the blind estimate, and show how it does.  By hand:

python tests/benchmarks/tune_blind.py [--patches N] [check | correction | constants]

`correction` fits the last step's two numbers and prints them; `constants` tries other
values of each constant and prints what they would change; `check` (the default) prints the
errors of the estimate as it is, also for kinds of sensor and photographs that a
correction was fitted without.  Sources of the split "train" choose, those of "validation" check.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from rawkit import synth
from rawkit.noise import bands as bands_file
from rawkit.noise import blind

SEED = 902
LEVELS = 0.1, 0.5, 0.9  # quantiles of brightness at which the line is compared
LARGEST = 1.0  # errors count up to this; a logarithm
# How much more than an underestimate an overestimate costs in the fit of the correction.  Of
# 1 to 6 the scores of sharp and soft validation patches were best from 5 on.
OVER = 5.0

# other values to try: a factor on each number, alone
FACTORS = 0.5, 0.7, 1.4, 2.0
NOT_TRIED = "correction limits least"  # fitted, and what only holds in extreme cases


def make_patches(split, preset, number):
    """Noisy patches (N, 256, 256), and the truth: slope, intercept, kind, photograph."""
    recipe = synth.PRESETS[preset]
    photographs = synth.photo_files(split)
    patches, truth, groups = [], [], []
    for i in range(number):
        rng = synth.scene_rng(split, SEED, i)
        photograph = photographs[i % len(photographs)]
        mosaic = synth.make_mosaic(rng, recipe, [photograph]).mosaic
        sensor = synth.random_sensor(rng, recipe)
        patches.append(synth.expose(mosaic, sensor, rng)[0])
        slope, dark = (float(np.mean(x)) for x in synth.plane_noise(sensor))
        truth.append((slope, dark - slope * sensor.black_level))
        kind = "%d bits, black %s" % (sensor.bits, "kept" if sensor.black_level else "removed")
        groups.append((kind, photograph.name, preset))
    return np.array(patches), np.array(truth), groups


def log_errors(line, truth, levels):
    """Logarithm of the estimated variance over the true one, shape (N, levels)."""
    slope, intercept = (np.asarray(x)[:, None] for x in line[:2])
    found = np.maximum(slope * levels + intercept, 1)
    return np.log(found / np.maximum(truth[:, :1] * levels + truth[:, 1:], 1))


def cost(errors):
    """Mean absolute error up to LARGEST; nothing found counts as that."""
    return float(np.minimum(np.nan_to_num(np.abs(errors), nan=LARGEST), LARGEST).mean())


class Patches:
    """Some patches with what an estimate without correction says of them."""

    def __init__(self, split, number, presets=("sharp", "soft", "mixed")):
        sets = [make_patches(split, preset, number // len(presets)) for preset in presets]
        self.noisy = np.concatenate([part[0] for part in sets])
        self.truth = np.concatenate([part[1] for part in sets])
        self.groups = np.array(sum((part[2] for part in sets), []))
        flat = self.noisy.reshape(len(self.noisy), -1)
        self.levels = np.quantile(flat, LEVELS, axis=1).T

    def errors(self):
        """Of the estimate with the constants as they stand."""
        lines = [blind.estimate_blind(patch) for patch in self.noisy]
        line = [np.array([one[i] for one in lines]) for i in range(2)]
        return log_errors(line, self.truth, self.levels)

    def signs(self):
        """What the correction is made from, (N, 2), and the errors without it."""
        seen, whole = [], blind._correction

        def spy(bands, apart, slope, intercept):
            seen.append(blind._signs(bands, apart, slope, intercept)[:, 0])
            return np.ones(len(slope))

        blind._correction = spy
        try:
            errors = self.errors()
        finally:
            blind._correction = whole
        return np.array(seen), errors


def fit_correction(signs, errors, rounds=50):
    """Least absolute error at the middle level, overestimates weighing more, by reweighting."""
    target = -errors[:, 1]
    good = np.isfinite(target) & (np.abs(target) < 2.5)
    signs, target = signs[good], target[good]
    weight = np.ones(len(target))
    for _ in range(rounds):
        left = signs.T * weight
        numbers = np.linalg.solve(left @ signs, left @ target)
        left_over = signs @ numbers - target
        weight = np.where(left_over > 0, OVER, 1) / np.maximum(np.abs(left_over), 0.02)
    return numbers


def corrected(signs, errors, numbers):
    return errors + np.clip(signs @ numbers, *blind.TUNED.limits)[:, None]


def correction(train):
    signs, errors = train.signs()
    numbers = fit_correction(signs, errors)
    print("correction=(%s)" % ", ".join("%.2f" % x for x in numbers))
    print("cost without %.4f, with %.4f" % (cost(errors), cost(corrected(signs, errors, numbers))))


def set_constants(**values):
    """Put constants into both files that use them."""
    blind.TUNED = bands_file.TUNED = blind.TUNED._replace(**values)


def constants(train):
    """What other values would change; the correction is fitted anew for each."""

    def cost_of_fit():
        signs, errors = train.signs()
        return cost(corrected(signs, errors, fit_correction(signs, errors)))

    start, before = blind.TUNED, cost_of_fit()
    print("as it is: %.4f" % before)
    for name, value in start._asdict().items():
        if name in NOT_TRIED:
            continue
        for factor in FACTORS:
            other = tuple(factor * x for x in value) if isinstance(value, tuple) else factor * value
            other = int(round(other)) if isinstance(value, int) else other
            set_constants(**{name: other})
            print("%-15s %-8s %+.4f" % (name, other, cost_of_fit() - before), flush=True)
        set_constants(**start._asdict())


def check(train, validation):
    errors = validation.errors()
    print("errors at 10, 50, 90 % of brightness, and the largest")
    for column in range(validation.groups.shape[1]):
        for group in np.unique(validation.groups[:, column]):
            part = errors[validation.groups[:, column] == group]
            print(
                "%-26s %3d patches: %.3f %.3f %.3f, %.2f"
                % ((group, len(part)) + tuple(np.nanmean(np.abs(part), 0)) + (np.nanmax(part),))
            )
    signs, errors = train.signs()
    print("left out of the fit of the correction: error without it, with it, with all in the fit")
    numbers = fit_correction(signs, errors)
    for column in range(2):
        for group in np.unique(train.groups[:, column]):
            out = train.groups[:, column] == group
            own = fit_correction(signs[~out], errors[~out])
            row = [cost(errors[out])]
            row += [cost(corrected(signs[out], errors[out], n)) for n in (own, numbers)]
            print("%-26s %3d patches: %.3f %.3f %.3f" % ((group, out.sum()) + tuple(row)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="?", default="check")
    parser.add_argument("--patches", type=int, default=600)
    chosen = parser.parse_args()
    training = Patches("train", chosen.patches)
    if chosen.what == "check":
        check(training, Patches("validation", chosen.patches // 2))
    else:
        {"correction": correction, "constants": constants}[chosen.what](training)
