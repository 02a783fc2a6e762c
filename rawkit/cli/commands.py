"""The commands, a function each; what a command needs is imported when it runs."""

import sys

from .denoise import denoise, is_photo_file

__all__ = ["check", "denoise", "doctor", "info", "notebooks", "score", "synth", "train"]

# what `train` lets one choose; a release has its own
OPTIONS = ("steps", "seed", "start", "crop", "learning_rate")


def info(args):
    """Say what a .bin file, a raw file or a dataset's folder holds."""
    from ..binio import open_dataset, open_patches
    from ..places import TEST_INPUT, TRAIN_INPUT

    if is_photo_file(args.path):
        from ..photo import describe, read_photo

        print("\n  ".join([str(args.path), *describe(read_photo(args.path))]))
        return
    is_dataset = args.path.is_dir()
    opened = open_dataset(args.path) if is_dataset else {args.path.name: open_patches(args.path)}
    if not opened:
        expected = f"expected {TRAIN_INPUT} or {TEST_INPUT}"
        raise FileNotFoundError(f"{args.path}: found no competition file, {expected}")
    for name, patches in opened.items():
        count, height, width = patches.shape
        print(f"{name}: {count} patches of {height} x {width} uint16, {count / 8:.1f} MiB")
        sample = patches[:: max(1, count // 64)]  # a gigabyte need not be read
        values = f"min {sample.min()}, mean {sample.mean():.1f}, max {sample.max()} DN"
        print(f"  sampled {len(sample)} patches: {values}")


def score(args):
    """Print the competition's score of a prediction."""
    from ..binio import open_alike
    from ..places import GT_OF, TEST_GT
    from ..score import megcup_score

    if args.gt.name in GT_OF or args.pred.name in GT_OF.values():
        words = f"found {args.pred}, {args.gt}, expected a prediction, then a file like {TEST_GT}"
        print(f"rawkit score: warning: {words}", file=sys.stderr)
    pred, gt = open_alike(args.pred, args.gt)
    try:
        value = megcup_score(pred, gt)
    except ValueError as error:
        raise ValueError(f"{args.pred} against {args.gt}: {error}") from None
    print(f"{len(pred)} patches of {args.pred}, against the ground truth {args.gt}")
    print(f"score {value:.4f}")


def check(args):
    """Say whether a file can be the answer to a test input."""
    from .submission import check_submission

    warnings = check_submission(args.result, args.noisy)
    for warning in warnings:
        print(f"rawkit check: warning: {args.result}: {warning}", file=sys.stderr)
    but = ", in form: see the warning" if warnings else ""
    print(f"{args.result}: a valid answer to {args.noisy}{but}")


def synth(args):
    """Write a synthetic dataset."""
    from ..synth import write_dataset

    options = {name: value for name, value in vars(args).items() if name != "command"}
    print(*write_dataset(progress=True, **options), sep="\n")


def train(args):
    """Train a network on synthetic data."""
    from ..places import outputs_folder, show_path
    from ..training.release import RELEASE, pretrain

    folder = args.folder or outputs_folder() / "pretrain"
    chosen = {name: getattr(args, name) for name in OPTIONS if getattr(args, name) is not None}
    if args.network == "release" and chosen:
        raise ValueError(f"release: found {', '.join(chosen)}, which it fixes")
    chosen = RELEASE if args.network == "release" else dict(chosen, network=args.network)
    path, history = pretrain(folder=folder, scenes=args.scenes, **chosen)
    print(f"{show_path(path)}: validation score {history.scores[-1][1]:.3f}")
    weights = show_path(outputs_folder() / "weights")
    print(f"to hand it in, copy it to {weights}, where notebook 05 looks")


def notebooks(args):
    """Run the notebooks and make the pages; or build those in another language."""
    from ..places import outputs_folder, show_path
    from .doctor import CHECKS

    for name in ("dataset", "outputs", "photograph", "settings"):
        CHECKS[name]()  # a typo is said at once, and costs no page of an earlier run
    from .pages import run_notebooks

    if args.language and args.save:
        raise ValueError("found --save with --language, whose outputs are those of the English")
    if args.language:
        from .translation import build_notebooks

        build_notebooks(args.language, args.names)
        if not args.run:
            return
    pages = run_notebooks(args.names, args.save, args.language)
    result = outputs_folder() / "submit" / "result.bin"
    if result.is_file() and any("submission" in page.stem for page in pages):
        print(f"The submission: {show_path(result)}")


def doctor(args):
    """Say what is installed, found and usable, and what to do about the rest."""
    from .doctor import report

    faults = report()
    if faults:
        raise ValueError(f"found things to mend: {faults}, see the lines with FIX")
