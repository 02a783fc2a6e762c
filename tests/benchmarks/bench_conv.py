"""Measure training and prediction against stock MegEngine and PyTorch.  By hand:

python tests/benchmarks/bench_conv.py training  [--torch-python PATH] [--rounds N]
python tests/benchmarks/bench_conv.py inference [--torch-python PATH] [--rounds N]
python tests/benchmarks/bench_conv.py memory

README.md beside this file says how to read what is printed.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from rawkit import write_patches  # noqa: E402

NETWORKS = "baseline", "unet"
SHAPES = {"16 crops of 64": (16, 64), "4 patches of 256": (4, 256)}
OURS = "rawkit, onednn"
STEPS = 5  # in a row, in each round


class Worker:
    """A process that runs one variant when told to, and sleeps in between."""

    def __init__(self, python, variant, task, network, shape, folder):
        environment = dict(os.environ)
        environment.pop("OPENBLAS_CORETYPE", None)  # a wrong one halves NumPy's speed
        args = [python, HERE / "worker.py", variant, task, network, *shape, folder]
        self.process = subprocess.Popen(
            list(map(str, args)),
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            universal_newlines=True,
        )
        self.run(1)  # start it, make plans, warm up

    def run(self, steps):
        """Milliseconds of each step."""
        self.process.send_signal(signal.SIGCONT)
        print(steps, file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        self.process.send_signal(signal.SIGSTOP)  # MegEngine's threads would poll on
        if not line:
            raise SystemExit("a worker died: %s" % " ".join(map(str, self.process.args)))
        return json.loads(line)

    def stop(self):
        self.process.kill()
        self.process.wait()


def compare(task, torch_python, rounds):
    variants = {OURS: sys.executable, "stock MegEngine": sys.executable}
    if torch_python:
        variants["PyTorch eager"] = variants["PyTorch channels_last"] = torch_python
    medians = {}
    with tempfile.TemporaryDirectory() as folder:
        rng = np.random.default_rng(0)
        for name in ("noisy.bin", "gt.bin"):
            patches = rng.integers(0, 65536, (64, 256, 256), dtype=np.uint16)
            write_patches(Path(folder) / name, patches)
        for network in NETWORKS:
            for label, shape in SHAPES.items():
                case = "%s, %s" % (network, label)
                medians[case] = one_case(variants, task, network, shape, folder, rounds)
                print_case(case, medians[case])
    print(json.dumps(medians))


def one_case(variants, task, network, shape, folder, rounds):
    """Median milliseconds of every variant, all interleaved."""
    times = {variant: [] for variant in variants}
    workers = {
        variant: Worker(python, variant, task, network, shape, folder)
        for variant, python in variants.items()
    }
    try:
        for turn in range(rounds):
            for variant, worker in workers.items():
                slow = variant == "stock MegEngine" and task == "training"
                if not slow or turn % 3 == 0:  # each of its steps takes seconds
                    times[variant] += worker.run(1 if slow else STEPS)
    finally:
        for worker in workers.values():
            worker.stop()
    return {variant: round(float(np.median(found)), 2) for variant, found in times.items()}


def print_case(case, medians):
    stock, ours = medians["stock MegEngine"], medians[OURS]
    print("%-44s %10s %14s %22s" % (case, "ms", "x of stock", "time / " + OURS))
    for variant, found in medians.items():
        print("  %-42s %10.1f %14.1f %22.2f" % (variant, found, stock / found, found / ours))
    print(flush=True)


def memory(steps=2000):
    """Anonymous memory over steps of varying size, and over a 2 GiB data set."""
    from worker import anonymous_mib, vary_crops

    with tempfile.TemporaryDirectory() as folder:
        block = np.random.default_rng(0).integers(0, 65536, (64, 256, 256), dtype=np.uint16)
        for name in ("noisy.bin", "gt.bin"):
            with open(str(Path(folder) / name), "wb") as file:
                for _ in range(8192 // 64):
                    file.write(block.tobytes())
        found = vary_crops(folder, steps)
    print("step      anonymous memory, MiB (%.0f before the first)" % anonymous_mib.first)
    for step, mib in found.items():
        print("%5d     %.0f" % (step, mib))
    print(json.dumps(found))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("task", choices=["training", "inference", "memory"])
    parser.add_argument("--torch-python", help="a Python that has PyTorch")
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    if args.task == "memory":
        memory()
    else:
        compare(args.task, args.torch_python, args.rounds)


if __name__ == "__main__":
    main()
