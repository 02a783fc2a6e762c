"""What the command line takes, and the words of its --help."""

import argparse
from pathlib import Path


def make_parser():
    """Describe every command and its arguments.

    Returns
    -------
    argparse.ArgumentParser
    """
    parser = argparse.ArgumentParser(
        prog="python -m rawkit", description="RAW denoising in the MegCup 2022 format."
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    info = commands.add_parser("info", help="what a .bin, a raw file or a dataset folder holds")
    info.add_argument("path", metavar="PATH", type=Path, help="a file, or a dataset's folder")

    score = commands.add_parser("score", help="the competition's score of a prediction")
    score.add_argument("pred", metavar="PRED.bin", type=Path, help="what a network answered")
    score.add_argument("gt", metavar="GT.bin", type=Path, help="the clean patches")

    _add_denoise(commands)

    commands.add_parser("doctor", help="what is installed, found and usable, and what to do")

    check = commands.add_parser("check", help="whether a file can be the answer to a test input")
    check.add_argument("result", metavar="RESULT.bin", type=Path, help="the answer")
    check.add_argument("noisy", metavar="TEST.bin", type=Path, help="the test input it answers")

    _add_synth(commands)

    _add_train(commands)

    notebooks = commands.add_parser("notebooks", help="run the notebooks, make HTML pages")
    notebooks.add_argument("names", metavar="NAME", nargs="*", help="such as 02; default: all")
    notebooks.add_argument("--save", action="store_true", help="keep the outputs in them, too")
    notebooks.add_argument("--language", choices=["zh"], default="", help="build notebooks/zh")
    notebooks.add_argument("--run", action="store_true", help="with --language: and run them")
    return parser


def _add_denoise(commands):
    usage = "%(prog)s IN OUT, or: IN [IN ...] --to FOLDER  [options]"
    words = "denoise patches, or raw photographs"
    denoise = commands.add_parser("denoise", help=words, usage=usage)
    words = "IN.bin OUT.bin; a raw file and OUT.dng; or raw files, folders of them, and a folder"
    denoise.add_argument("paths", metavar="IN OUT", type=Path, nargs="+", help=words)
    denoise.add_argument("--to", metavar="FOLDER", type=Path, help="where NAME_denoised.dng go")
    denoise.add_argument("--weights", metavar="FILE", type=Path, help="default: the suite's own")
    words = "run the .py file beside the weights, which defines a network of your own"
    denoise.add_argument("--run-code", action="store_true", help=words)
    denoise.add_argument("--overwrite", action="store_true", help="replace what is there")
    words = "patches: average over eight views; slower"
    denoise.add_argument("--self-ensemble", action="store_true", help=words)
    words = "photograph: 0, untouched, to 1 (default); up to 2 for cameras that smooth noise"
    denoise.add_argument("--strength", metavar="S", type=float, default=1.0, help=words)
    words = "photograph: also hot and dead pixels"
    denoise.add_argument("--remove-hot-pixels", action="store_true", help=words)


def _add_synth(commands):
    synth = commands.add_parser("synth", help="write a synthetic dataset")
    synth.add_argument("folder", metavar="FOLDER", type=Path)
    synth.add_argument("--train", metavar="N", type=int, default=0, help="pairs to train on")
    synth.add_argument("--test", metavar="N", type=int, default=0, help="pairs to test on")
    synth.add_argument("--seed", metavar="S", type=int, default=0, help="default: 0")
    synth.add_argument("--preset", default="mixed", help="mixed (default), sharp or soft")
    synth.add_argument("--photos", metavar="FOLDER", type=Path, help="default: the bundled ones")
    words = "which scenes: train, on which the suite's networks learned, validation, or test"
    synth.add_argument("--train-split", metavar="SPLIT", default="train", help=words)
    synth.add_argument("--test-split", metavar="SPLIT", default="test", help=words)
    synth.add_argument("--workers", metavar="N", type=int, help="default: one a core")
    synth.add_argument("--overwrite", action="store_true", help="replace a dataset there")


def _add_train(commands):
    train = commands.add_parser("train", help="train a network on synthetic data")
    words = "BlindUNet or Baseline; or release: all that made the suite's weights"
    train.add_argument("network", metavar="NETWORK", help=words)
    train.add_argument("--folder", type=Path, help="default: pretrain in the outputs folder")
    train.add_argument("--steps", type=int, help="default: 12000")
    train.add_argument("--scenes", type=int, default=2400, help="clean scenes; default: 2400")
    train.add_argument("--seed", type=int, help="default: 1")
    train.add_argument("--start", metavar="FILE", type=Path, help="weights to start from")
    words = "default: 2e-3; with --start 5e-4"
    train.add_argument("--learning-rate", metavar="R", type=float, help=words)
    train.add_argument("--crop", type=int, help="side of the crops, pixels; default: 96")
