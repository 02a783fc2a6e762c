"""Stopping a run cleanly: a signal waits until the step is done."""

import contextlib
import signal
import threading


class TrainingStopped(KeyboardInterrupt):
    """SIGINT (Ctrl-C, the stop button) or SIGTERM ended a run in order.

    Attributes
    ----------
    status : int
        What a shell calls such an end: 128 and the signal's number.
    """

    def __init__(self, text, number):
        super().__init__(text)
        self.status = 128 + number


@contextlib.contextmanager
def noted_signals():
    """Inside this `with`, SIGINT and SIGTERM are noted; a second one interrupts.

    What a process ignores, such as SIGINT in one that a shell started in the background, it
    goes on to ignore.

    Yields
    ------
    list of int
        The number of the signal that has come, if one has.
    """
    caught, before = [], {}

    def note(number, frame):
        if caught:
            raise KeyboardInterrupt
        caught.append(number)

    if threading.current_thread() is threading.main_thread():  # no other may set handlers
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, note)
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)
