"""The commands of python -m rawkit; each command imports what it needs."""

import os
import signal
import sys

from .arguments import make_parser
from .denoise import denoise, is_photo_file

# what `train` lets one choose; a release has its own
STAGES = ("steps", "seed", "start", "crop", "views", "learning_rate")


def _info(args):
    from ..binio import open_pairs, open_patches
    from ..places import GT_OF, NAMES

    if is_photo_file(args.path):
        from ..photo import describe, read_photo

        print("%s\n  %s" % (args.path, "\n  ".join(describe(read_photo(args.path)))))
        return
    if args.path.is_dir():
        paths = [args.path / name for name in NAMES if (args.path / name).is_file()]
        if not paths:
            raise FileNotFoundError(
                "%s: found no file with a competition name, expected %s"
                % (args.path, " or ".join(NAMES))
            )
    else:
        paths = [args.path]
    opened = {path.name: open_patches(path) for path in paths}
    for name, patches in opened.items():
        print(
            "%s: %d patches of %d x %d uint16, %.1f MiB"
            % ((name, len(patches)) + patches.shape[1:] + (len(patches) / 8,))
        )
        sample = patches[:: max(1, len(patches) // 64)]  # a gigabyte need not be read
        print(
            "  sampled %d patches: min %d, mean %.1f, max %d DN"
            % (len(sample), sample.min(), sample.mean(), sample.max())
        )
    for noisy, gt in GT_OF.items():
        if noisy in opened and gt in opened:
            open_pairs(args.path, noisy)  # names a difference in number


def _score(args):
    from ..binio import open_patches
    from ..places import GT_OF
    from ..score import megcup_score

    if args.gt.name in GT_OF or args.pred.name in GT_OF.values():
        print(
            "rawkit score: warning: %s against %s: found names that tell otherwise, expected a "
            "prediction, then the ground truth, like %s"
            % (args.pred, args.gt, " or ".join(GT_OF.values())),
            file=sys.stderr,
        )
    pred, gt = open_patches(args.pred), open_patches(args.gt)
    if len(pred) != len(gt):
        raise ValueError(
            "%s: found %d patches, expected %d as in %s" % (args.pred, len(pred), len(gt), args.gt)
        )
    try:
        score = megcup_score(pred, gt)
    except ValueError as error:
        raise ValueError("%s against %s: %s" % (args.pred, args.gt, error)) from None
    print("%d patches of %s, against the ground truth %s" % (len(pred), args.pred, args.gt))
    print("score %.4f" % score)


def _check(args):
    from .submission import check_submission

    warnings = check_submission(args.result, args.noisy)
    for warning in warnings:
        print("rawkit check: warning: %s: %s" % (args.result, warning), file=sys.stderr)
    but = ", in form: see the warning" if warnings else ""
    print("%s: a valid answer to %s%s" % (args.result, args.noisy, but))


def _synth(args):
    from tqdm import tqdm

    from ..synth import write_dataset

    with tqdm(total=args.train + args.test, unit="patch", delay=0.5) as bar:
        paths = write_dataset(
            args.folder,
            args.train,
            args.test,
            args.seed,
            overwrite=args.overwrite,
            workers=args.workers,
            preset=args.preset,
            photos=args.photos,
            train_split=args.train_split,
            test_split=args.test_split,
            progress=lambda done, total: bar.update(),
        )
    for path in paths:
        print(path)


def _train(args):
    from ..places import outputs_folder, show_path
    from ..training.release import pretrain, pretrain_release

    folder = args.folder or outputs_folder() / "pretrain"
    if args.network == "release":
        given = [name for name in STAGES if getattr(args, name) is not None]
        if given:
            raise ValueError("release: found %s, which its stages fix" % ", ".join(given))
        path, history = pretrain_release(folder, args.scenes)
    else:
        chosen = {name: getattr(args, name) for name in STAGES if getattr(args, name) is not None}
        path, history = pretrain(args.network, folder, scenes=args.scenes, **chosen)
    print("%s: validation score %.3f" % (show_path(path), history.scores[-1][1]))
    print(
        "to hand it in, copy it to %s/weights, where notebook 05 looks"
        % show_path(outputs_folder())
    )


def _notebooks(args):
    from ..places import find_dataset, outputs_folder, show_path
    from .doctor import check_photo, check_settings, outputs_can_be_written
    from .pages import run_notebooks

    find_dataset()  # a typo is said at once, and costs no page of an earlier run
    for check in (check_settings, check_photo):
        fault = check()[1]
        if fault:
            raise ValueError(fault)
    if not outputs_can_be_written():
        raise ValueError(
            "%s: found a place that cannot be written, expected a folder of yours: set "
            "RAWKIT_OUTPUTS" % outputs_folder()
        )
    pages = run_notebooks(args.names, args.save)
    result = outputs_folder() / "submit" / "result.bin"
    if result.is_file() and any("submission" in page.stem for page in pages):
        print("The submission: %s" % show_path(result))


def _doctor(args):
    from .doctor import report

    faults = report()
    if faults:
        raise ValueError("found things to mend: %d, see the lines with FIX" % faults)


def _prepare_streams():
    """Give a closed stdin, stdout or stderr (2>&-) a place; the next file opened would take it."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r+"))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a name that cannot be printed is no failure
            stream.reconfigure(errors="backslashreplace")


def _quit_streams():
    """Let nothing more be written to readers that have gone, not even at the end of Python."""
    null = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(null, number)
    os.close(null)


def main(arguments=None):
    """Run one command.

    Returns
    -------
    int
        The exit status: 0, also where the reader of a pipe has gone; 2 with a line on
        stderr; 128 and the signal's number after Ctrl-C.
    """
    _prepare_streams()
    parser = make_parser()
    if not (sys.argv[1:] if arguments is None else arguments):
        parser.print_help(sys.stderr)
        return 2
    args = parser.parse_args(arguments)
    commands = {
        "info": _info,
        "score": _score,
        "denoise": denoise,
        "check": _check,
        "synth": _synth,
        "notebooks": _notebooks,
        "train": _train,
        "doctor": _doctor,
    }
    try:
        commands[args.command](args)
        sys.stdout.flush()
    except BrokenPipeError:  # stdout is written to when the work is done
        _quit_streams()
        return 0
    except KeyboardInterrupt as stop:
        if str(stop):
            print("rawkit %s: %s" % (args.command, stop), file=sys.stderr)
        return getattr(stop, "status", 128 + signal.SIGINT)
    except (ValueError, OSError, MemoryError) as error:
        print("rawkit %s: %s" % (args.command, error), file=sys.stderr)
        return 2
    return 0
