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
    add = commands.add_parser("denoise", help=words, usage=usage).add_argument
    words = "IN.bin OUT.bin; a raw file and OUT.dng; or raw files, folders of them, and a folder"
    add("paths", metavar="IN OUT", type=Path, nargs="+", help=words)
    add("--to", metavar="FOLDER", type=Path, help="where NAME_denoised.dng go")
    add("--weights", metavar="FILE", type=Path, help="default: the suite's own")
    add("--run-code", action="store_true", help="run the code of a network of your own")
    add("--overwrite", action="store_true", help="replace what is there")
    add("--self-ensemble", action="store_true", help="patches: mean of eight views; slower")
    words = "photograph: 0, untouched, to 1 (default); up to 2 for cameras that smooth noise"
    add("--strength", metavar="S", type=float, default=1.0, help=words)
    add("--remove-hot-pixels", action="store_true", help="photograph: also hot and dead pixels")


def _add_synth(commands):
    add = commands.add_parser("synth", help="write a synthetic dataset").add_argument
    add("folder", metavar="FOLDER", type=Path)
    add("--train", metavar="N", type=int, default=0, help="pairs to train on")
    add("--test", metavar="N", type=int, default=0, help="pairs to test on")
    add("--seed", metavar="S", type=int, default=0, help="default: 0")
    add("--preset", default="mixed", help="mixed (default), sharp or soft")
    add("--photos", metavar="FOLDER", type=Path, help="default: the bundled ones")
    words = "which scenes: train, on which the suite's networks learned, validation, or test"
    add("--train-split", metavar="SPLIT", default="train", help=words)
    add("--test-split", metavar="SPLIT", default="test", help=words)
    add("--workers", metavar="N", type=int, help="default: one a core")
    add("--overwrite", action="store_true", help="replace a dataset there")


def _add_train(commands):
    add = commands.add_parser("train", help="train a network on synthetic data").add_argument
    words = "BlindUNet or Baseline; or release: BlindUNet nearly as good as the suite's"
    add("network", metavar="NETWORK", help=words)
    add("--folder", type=Path, help="default: pretrain in the outputs folder")
    add("--steps", type=int, help="default: 12000")
    add("--scenes", type=int, default=2400, help="clean scenes; default: 2400")
    add("--seed", type=int, help="default: 1")
    add("--start", metavar="FILE", type=Path, help="weights to start from")
    add("--learning-rate", metavar="R", type=float, help="default: 2e-3; with --start 5e-4")
    add("--crop", type=int, help="side of the crops, pixels; default: 96")
