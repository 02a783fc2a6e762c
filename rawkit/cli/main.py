"""Run a command, and turn whatever happens to it into one line and an exit status."""

import contextlib
import os
import signal
import sys
import warnings

from . import commands
from .arguments import make_parser

# what bad input, a full disk, a missing library, or too little memory ends in
EXPECTED = (ValueError, OSError, ImportError, MemoryError, RuntimeError)
_signals = []  # those that have come


def main(arguments=None):
    """Run one command.

    Parameters
    ----------
    arguments : list of str, optional
        Default: those of the process.

    Returns
    -------
    int
        The exit status: 0, also where the reader of a pipe has gone; 2 with a line on
        stderr; 128 and the signal's number after Ctrl-C or SIGTERM.
    """
    name, line = "rawkit", ""
    parser = make_parser()
    try:
        args = parser.parse_args(arguments)
        if not args.command:
            parser.print_help(sys.stderr)
            return 2
        name = f"rawkit {args.command}"
        getattr(commands, args.command)(args)
        sys.stdout.flush()
        return 0
    except SystemExit as end:  # --help, or arguments that do not fit
        return end.code
    except BrokenPipeError:  # stdout is written to when the work is done
        return 0
    except KeyboardInterrupt as stop:
        line, status = str(stop), getattr(stop, "status", _signal_status())
    except Exception as error:
        if _signals:  # an import that is interrupted may end in any error
            status = _signal_status()
        elif isinstance(error, EXPECTED):
            line, status = describe(error), 2
            if isinstance(error, ImportError):
                line += "; python -m rawkit doctor tells more"
        else:
            raise
    # not above: progress bars are closed when the error has let go of its frames
    if line:
        with contextlib.suppress(OSError):
            print(f"{name}: {line}", file=sys.stderr)
    return status


def describe(error):
    """Say in one line what an error tells.

    Parameters
    ----------
    error : Exception

    Returns
    -------
    str
        Its first line: MegEngine adds a native backtrace.  Never empty.
    """
    if isinstance(error, OSError) and error.strerror:  # one of the system's
        return ": ".join(str(word) for word in (error.filename, error.strerror) if word)
    text = str(error).strip() or ("out of memory" if isinstance(error, MemoryError) else "")
    return text.splitlines()[0] if text else type(error).__name__


def _signal_status():
    return 128 + (_signals or [signal.SIGINT])[0]


def _stop(number, frame):
    _signals.append(number)
    raise KeyboardInterrupt


def run():
    """Run the command of this process, and end the process."""
    # a closed stream (2>&-) gets a place, or the next file that is opened takes its number
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number: this one
            setattr(sys, name, open(number, "w", closefd=False))
    sys.stdout.reconfigure(errors="backslashreplace")  # in whatever locale
    # PYTHONWARNINGS=error is meant for other programs: our libraries do warn
    os.environ.pop("PYTHONWARNINGS", None)
    warnings.filters[:] = [entry for entry in warnings.filters if entry[0] != "error"]
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:  # as in the background
            signal.signal(number, _stop)
    status = main()
    with contextlib.suppress(OSError):  # the reader has gone, or the disk is full
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)  # MegEngine's exit handlers would report an error a second time
