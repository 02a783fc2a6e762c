"""Record data/first_minutes.csv: what each idea of notebook 03 is worth, one change a row.

All rows train on the same crops with the same noise, for as many steps, with the same loss and
schedule; each at two learning rates.  Takes a quarter of an hour of one core:

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_first_minutes.py
"""

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import megengine as mge
import megengine.module as M
import pandas
from notebook_runs import write_network

from rawkit import normalized_l1, pack_bayer, unpack_bayer
from rawkit.conv import Conv2d, LeakyReLU, fused
from rawkit.nn import Baseline, Stabilized, denoise, open_scoring_pairs
from rawkit.places import ROOT, atomic_file
from rawkit.score import score_of_errors
from rawkit.synth import clean_patches
from rawkit.training import SyntheticBatches, cosine_decay, score_loss, train

STEPS, BATCH_SIZE, CROP, SCENES, EMA, SEED = 800, 8, 48, 96, 0.99, 1  # as notebook 03's quick run
RATES = (1e-3, 5e-3)


class Residual(Baseline):
    """The baseline's layers say what is noise."""

    def forward(self, bayer):
        return bayer + super().forward(bayer)


class Centered(Baseline):
    """And see each plane without its mean."""

    def forward(self, bayer):
        packed = pack_bayer(bayer[:, 0])
        centered = unpack_bayer(packed - packed.mean(axis=(2, 3), keepdims=True))
        return bayer + super().forward(centered.reshape(bayer.shape))


class SixStabilized(Stabilized):
    """The baseline's layers on planes whose noise has deviation 1."""

    def __init__(self):
        super().__init__()
        layers = []
        for before, after in ((4, 50),) + 4 * ((50, 50),) + ((50, 4),):
            layers += [Conv2d(before, after, 3, padding=1), LeakyReLU(0.125)]
        self.body = M.Sequential(*layers[:-1])

    def residual(self, stable, clipped):
        return fused(stable - stable.mean(axis=(2, 3), keepdims=True), self.body)


ROWS = {
    "baseline": Baseline,
    "residual output": Residual,
    "centered input": Centered,
    "stabilized": SixStabilized,
    "U-Net": write_network(Path(tempfile.mkdtemp()) / "unet.py"),
}


def record(network, rate, scenes):
    """Train one row; yields its score and errors on the 16 test pairs in data/, five times."""
    mge.random.seed(SEED)
    model, lines = network(), []
    with_line, (noisy, gt) = isinstance(model, Stabilized), open_scoring_pairs(ROOT / "data")
    batches = SyntheticBatches(
        scenes, BATCH_SIZE, CROP, seed=SEED, blind_share=0, with_line=with_line
    )
    began = time.process_time()

    def note(model):
        seconds = time.process_time() - began - sum(line["scoring"] for line in lines)
        errors = normalized_l1(denoise(model, noisy), gt)
        line = {"step": STEPS * (len(lines) + 1) // 5, "cpu_seconds": round(seconds, 1)}
        line.update(score=round(score_of_errors(errors), 3))
        line.update({"patch %d" % i: round(error, 4) for i, error in enumerate(errors)})
        line["scoring"] = time.process_time() - began - seconds
        lines.append(line)
        return line["score"]

    options = {"ema_decay": EMA, "clip_norm": 0.03, "validate": note, "validate_every": STEPS // 5}
    train(model, batches, STEPS, rate, score_loss, cosine_decay, **options)
    return lines


def main():
    scenes, lines = clean_patches(SCENES, seed=11, workers=1), []
    for name, network in ROWS.items():
        for rate in RATES:
            found = record(network, rate, scenes)
            lines += [dict({"row": name, "learning_rate": rate}, **line) for line in found]
            print(name, rate, found[-1]["cpu_seconds"], found[-1]["score"], flush=True)
    table = pandas.DataFrame(lines).drop(columns="scoring")
    with atomic_file(ROOT / "data" / "first_minutes.csv") as file:
        file.write(table.to_csv(index=False).encode())


if __name__ == "__main__":
    main()
