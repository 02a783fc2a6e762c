"""The training loop, used by the notebooks, the ablations and the long runs alike."""

import contextlib
import signal
import threading
import time
from collections import namedtuple

import megengine
import megengine.autodiff
import numpy as np

from ..places import atomic_file, run_lock, show_path
from .checkpoint import Checkpoint, check_state
from .fingerprint import describe_run
from .losses import l1_loss
from .optimizer import FlatAdam, linear_decay


class TrainingDiverged(RuntimeError):
    """The loss became NaN or exploded."""


class TrainingStopped(KeyboardInterrupt):
    """The stop button, SIGINT or SIGTERM ended a run in order; `status` is that of a shell."""

    status = 128 + signal.SIGINT


History = namedtuple("History", "losses scores seconds resumed_at")


def train(
    model,
    batches,
    steps,
    learning_rate=2e-4,
    loss=l1_loss,
    schedule=linear_decay,
    ema_decay=None,
    clip_norm=None,
    checkpoint=None,
    checkpoint_seconds=15,
    validate=None,
    validate_every=None,
    progress=False,
):
    """Train a network with Adam (`rawkit.optimizer.FlatAdam`).

    An interrupted run goes on where its last checkpoint stands and ends with the
    same weights as one that was never interrupted.  A finished one gives its weights
    back.  A run with other settings, data, code or first weights starts anew, and the
    checkpoint that it finds is kept under another name (see `Checkpoint`).

    Parameters
    ----------
    model : megengine.module.Module
        (N, 1, H, W) float32 in 0-1 to the same.  Trained in place.  At the end it holds
        the averaged weights if `ema_decay` is given.
    batches : iterator
        Gives (noisy_01, gt_01), or between them what else the network takes.  Has
        `settings`, `state()` and `restore()`: see `rawkit.batches`.
    steps : int
    learning_rate : float
    loss : function (pred, gt) -> scalar tensor
    schedule : function (step, steps) -> factor on the learning rate
    ema_decay : float or None
        Keep an exponential moving average of the weights, for example 0.999.
    clip_norm : float or None
        Scale the gradient down to this norm where it is larger.
    checkpoint : path or None
        Where to keep what a resume needs; None keeps nothing.
    checkpoint_seconds : float
        Time between two checkpoints, 0 for one a step; more, but at most 60, on a
        disk so slow that they would take 2 % of the time.
    validate : function (model) -> float, or None
        Called every `validate_every` steps and at the end, on averaged weights
        if there are any.
    validate_every : int or None
    progress : bool
        Show a progress bar on stderr.

    Returns
    -------
    History : named tuple
        losses, ndarray (steps,), float64, one a step; scores, list of
        (step, value) from `validate`; seconds spent, resumes included;
        resumed_at, the step at which this call began.

    Raises
    ------
    TrainingDiverged
        If a loss is NaN or more than 100 times the median of the first ones.
        The last checkpoint is kept.
    TrainingStopped
        After SIGINT or SIGTERM, with the step done and the state saved.
    ValueError, OSError
        Before any work: for less than one step, a checkpoint that is a folder or another
        kind of file, or one that another process is working on (says which).
    """
    if steps < 1:
        raise ValueError("steps: found %r, expected at least 1" % (steps,))
    run = _Run(model, batches, ema_decay, clip_norm)
    with contextlib.ExitStack() as stack:
        if checkpoint:
            stack.enter_context(run_lock(checkpoint))
            settings = describe_run(
                network=model,
                steps=steps,
                learning_rate=learning_rate,
                loss=loss,
                schedule=schedule,
                ema_decay=ema_decay,
                clip_norm=clip_norm,
                batches=[type(batches), batches.settings],
            )
            run.resume(Checkpoint(checkpoint, settings), steps)
        start = len(run.losses)
        signals = stack.enter_context(_Signals())
        bar = stack.enter_context(_bar(start, steps)) if progress else None
        model.train()
        try:
            for step in range(start, steps):
                run.step(loss, learning_rate * schedule(step, steps))
                _check_loss(run.losses, checkpoint)
                signals.check()
                if validate and validate_every and not (step + 1) % validate_every:
                    if step + 1 < steps:
                        run.validate(validate, signals)
                run.save_if_due(checkpoint_seconds)
                if bar:
                    bar.set_postfix(loss="%.5f" % np.mean(run.losses[-50:]), refresh=False)
                    bar.update()
            if start < steps:
                run.save()  # before anything else can fail
            if validate and (not run.scores or run.scores[-1][0] != steps):
                run.validate(validate, signals)
                run.save()
        except TrainingStopped as stop:
            run.save()
            raise _stopped(stop, len(run.losses), steps, checkpoint) from None
    run.optimizer.swap()
    model.eval()
    return History(np.array(run.losses), run.scores, run.seconds, start)


class _Run:
    """What changes during a run, and its way to disk and back."""

    def __init__(self, model, batches, ema_decay, clip_norm):
        self.model, self.batches = model, batches
        self.optimizer = FlatAdam(model.parameters(), ema_decay, clip_norm)
        self._gradients = megengine.autodiff.GradManager().attach(model.parameters())
        self.losses, self.scores, self.seconds = [], [], 0.0
        self.checkpoint, self._took = None, 0.0
        self._counted = self._saved = time.monotonic()

    def step(self, loss, learning_rate):
        """Take a batch, predict, compare, and move the weights downhill."""
        inputs = [megengine.Tensor(array) for array in next(self.batches)]
        with self._gradients:
            pred = self.model(*inputs[:-1])
            _check_shape(pred, inputs[-1])
            value = loss(pred, inputs[-1])
            self._gradients.backward(value)
        self.optimizer.step(learning_rate)
        self.losses.append(float(value.numpy()))
        now = time.monotonic()
        self.seconds, self._counted = self.seconds + now - self._counted, now

    def validate(self, function, signals):
        """Note what `function` says of the averaged weights, if there are any."""
        self.optimizer.swap()
        self.model.eval()
        try:
            with signals.at_once():  # it takes long and changes nothing
                score = float(function(self.model))
        finally:
            self.model.train()
            self.optimizer.swap()
        self.scores.append((len(self.losses), score))

    def save_if_due(self, pause):
        # by waiting 50 times as long as the last one took, they cost 2 % at most
        pause = pause and max(pause, min(50 * self._took, 60))
        if self.checkpoint and time.monotonic() - self._saved > pause:
            self.save()

    def save(self):
        if self.checkpoint is None:
            return
        began = time.monotonic()
        arrays = {"adam/" + name: array for name, array in self.optimizer.state().items()}
        arrays["losses"] = np.array(self.losses)
        meta = {"batches": self.batches.state(), "scores": self.scores, "seconds": self.seconds}
        self.checkpoint.save(arrays, meta)
        self._saved = time.monotonic()
        self._took = self._saved - began

    def resume(self, checkpoint, steps):
        """Take over the state of a run of the same settings, if there is one."""
        self.checkpoint, found = checkpoint, checkpoint.load()
        if found is None:
            return
        arrays, meta = found
        size = sum(int(np.prod(p.shape)) for p in self.model.parameters())
        check_state(checkpoint.path, arrays, meta, size, steps)
        try:
            self.batches.restore(meta["batches"])
            self.optimizer.restore(
                {name[5:]: array for name, array in arrays.items() if name.startswith("adam/")}
            )
            self.scores = [(int(step), float(score)) for step, score in meta["scores"]]
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ValueError(
                "%s: found a damaged state (%r), expected one of this run"
                % (show_path(checkpoint.path), error)
            ) from None
        self.losses, self.seconds = arrays["losses"].tolist(), float(meta["seconds"])


class _Signals:
    """SIGINT and SIGTERM wait until a step is whole; a second one does not."""

    KINDS = (signal.SIGINT, signal.SIGTERM)

    def __enter__(self):
        self._caught, self._at_once, self._old = None, False, {}
        if threading.current_thread() is threading.main_thread():  # no other may set handlers
            self._old = {kind: signal.signal(kind, self._handle) for kind in self.KINDS}
        return self

    def __exit__(self, *_):
        for kind, handler in self._old.items():
            signal.signal(kind, handler or signal.SIG_DFL)

    def _handle(self, kind, frame):
        if self._caught:
            raise KeyboardInterrupt
        self._caught = kind
        if self._at_once:
            self.check()

    def check(self):
        if self._caught:
            stop = TrainingStopped()
            stop.status = 128 + self._caught
            raise stop

    @contextlib.contextmanager
    def at_once(self):
        """Where nothing has to be whole."""
        self._at_once = True
        try:
            self.check()
            yield
        finally:
            self._at_once = False


def _stopped(stop, done, steps, checkpoint):
    kept = "%s is kept: run it again to go on" % show_path(checkpoint) if checkpoint else "lost"
    text = "stopped after step %d of %d; %s" % (done, steps, kept)
    told = TrainingStopped(text)
    told.status = stop.status
    return told


def _check_shape(pred, gt):
    if tuple(pred.shape) != tuple(gt.shape):  # a loss would stretch one over the other
        raise ValueError(
            "found an answer of shape %s from the network, expected %s"
            % (tuple(pred.shape), tuple(gt.shape))
        )


def _check_loss(losses, checkpoint):
    reference = np.median(losses[:20])
    if not losses[-1] <= 100 * reference:  # also true for NaN
        raise TrainingDiverged(
            "step %d: the loss is %g, it began near %g%s"
            % (
                len(losses),
                losses[-1],
                reference,
                "; the last good checkpoint is %s" % show_path(checkpoint) if checkpoint else "",
            )
        )


def _bar(start, steps):
    from tqdm import tqdm

    return tqdm(total=steps, initial=start, unit="step", mininterval=0.5)


def write_log(path, history):
    """Write a run's learning curve as CSV: step, loss and, where there is one, the score.

    Parameters
    ----------
    path : str or Path
    history : History
    """
    scores = dict(history.scores)
    with atomic_file(path) as file:
        lines = [["step", "loss", "score"]]
        for step, loss in enumerate(history.losses, start=1):
            lines.append([step, "%.8g" % loss, "%.5f" % scores[step] if step in scores else ""])
        file.write("".join(",".join(map(str, line)) + "\n" for line in lines).encode())
