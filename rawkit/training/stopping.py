"""Stopping a run in order: a signal waits until a step is whole."""

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

    status = 128 + signal.SIGINT


class Signals:
    """Inside a `with`, SIGINT and SIGTERM are noted for `check`; a second one interrupts.

    What a process ignores, such as SIGINT in one that a shell started in the background, it
    goes on to ignore.
    """

    def __enter__(self):
        self._caught, self._at_once, self._before = None, False, {}
        if threading.current_thread() is threading.main_thread():  # no other may set handlers
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler or signal.SIG_DFL)

    def _note(self, number, frame):
        if self._caught:
            raise KeyboardInterrupt
        self._caught = number
        if self._at_once:
            self.check()

    def check(self):
        """Raise TrainingStopped if a signal has come."""
        if self._caught:
            stop = TrainingStopped()
            stop.status = 128 + self._caught
            raise stop

    @contextlib.contextmanager
    def at_once(self):
        """Inside this `with` nothing has to be whole: a signal does not wait."""
        self._at_once = True
        try:
            self.check()
            yield
        finally:
            self._at_once = False
