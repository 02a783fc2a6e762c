"""The training loop, used by the notebooks, the ablations and the long runs alike."""

import contextlib
import time
from collections import namedtuple
from pathlib import Path

import megengine
import megengine.autodiff
import numpy as np
from tqdm import tqdm

from ..places import run_lock, show_path, write_whole
from .checkpoint import Checkpoint
from .fingerprint import describe_run
from .losses import l1_loss
from .optimizer import FlatAdam, linear_decay
from .stopping import TrainingStopped, noted_signals

History = namedtuple("History", "losses scores seconds resumed_at")


class TrainingDiverged(ValueError):
    """The loss became NaN or exploded: most often, the learning rate is too high."""


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
    """Train a network with Adam (`rawkit.training.optimizer.FlatAdam`).

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
        `settings`, `state()` and `restore()`: see `rawkit.training.batches`.
    steps : int
    learning_rate : float
    loss : function (pred, gt) -> scalar tensor
    schedule : function (step, steps) -> factor on the learning rate
    ema_decay : float or None
        Keep an exponential moving average of the weights, for example 0.999.
    clip_norm : float or None
        Scale the gradient down to this norm where it is larger.
    checkpoint : str, Path or None
        Where to keep what a resume needs; None keeps nothing.
    checkpoint_seconds : float
        Time between two checkpoints, 0 for one a step.
    validate : function (model) -> float, or None
        Called every `validate_every` steps and at the end, on averaged weights if there are any.
    validate_every : int or None
        None: at the end alone.
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
        kind of file, or one that another process is working on.
    """
    if steps < 1:
        raise ValueError(f"steps: found {steps!r}, expected at least 1")
    run = _Run(model, batches, FlatAdam(model.parameters(), ema_decay, clip_norm))
    with run_lock(checkpoint) if checkpoint else contextlib.nullcontext():
        if checkpoint:
            settings = describe_run(
                network=model,
                steps=steps,
                learning_rate=learning_rate,
                loss=loss,
                schedule=schedule,
                optimizer=[FlatAdam, ema_decay, clip_norm],
                batches=[type(batches), batches.settings],
            )
            run.resume(Checkpoint(checkpoint, settings))
        start = len(run.losses)
        # the last validation comes when the last state is safe
        every = validate and validate_every
        milestones = range(every, steps, every) if every else ()
        bar = tqdm(total=steps, initial=start, unit="step", mininterval=0.5, disable=not progress)
        with noted_signals() as caught, bar:
            model.train()
            for step in range(start, steps):
                run.step(loss, learning_rate * schedule(step, steps))
                _check_loss(run.losses, checkpoint)
                if step + 1 in milestones:
                    run.validate(validate)
                run.save(checkpoint_seconds)
                bar.set_postfix(loss=f"{np.mean(run.losses[-50:]):.5f}", refresh=False)
                bar.update()
                if caught:
                    break
            if start < steps:
                run.save()  # before anything else can fail
            if validate and not caught and steps not in dict(run.scores):
                run.validate(validate)
                run.save()
    if caught:
        kept = f"{show_path(checkpoint)} is kept: run it again" if checkpoint else "lost"
        raise TrainingStopped(f"stopped after step {len(run.losses)} of {steps}; {kept}", caught[0])
    run.optimizer.swap()
    model.eval()
    return History(np.array(run.losses), run.scores, run.seconds(), start)


class _Run:
    """What changes during a run, and its way to disk and back."""

    def __init__(self, model, batches, optimizer):
        self.model, self.batches, self.optimizer = model, batches, optimizer
        self.losses, self.scores, self._checkpoint = [], [], None
        self._gradients = megengine.autodiff.GradManager().attach(model.parameters())
        self._began = self._saved = time.monotonic()

    def seconds(self):
        """Time spent, that before a resume included."""
        return time.monotonic() - self._began

    def step(self, loss, learning_rate):
        """Take a batch, predict, compare, and move the weights downhill."""
        inputs = [megengine.Tensor(array) for array in next(self.batches)]
        with self._gradients:
            pred = self.model(*inputs[:-1])
            found, expected = tuple(pred.shape), tuple(inputs[-1].shape)
            if found != expected:  # a loss would broadcast them
                raise ValueError(f"found an answer of shape {found}, expected {expected}")
            value = loss(pred, inputs[-1])
            self._gradients.backward(value)
        self.optimizer.step(learning_rate)
        self.losses.append(float(value.numpy()))

    def validate(self, function):
        """Note what `function` says of the averaged weights, if there are any."""
        self.optimizer.swap()
        self.model.eval()
        try:
            score = float(function(self.model))
        finally:
            self.model.train()
            self.optimizer.swap()
        self.scores.append((len(self.losses), score))

    def save(self, pause=0):
        """Put on disk what a resume needs, unless that was done so many seconds ago."""
        if self._checkpoint is None or time.monotonic() - self._saved < pause:
            return
        arrays = dict(self.optimizer.state(), losses=np.array(self.losses))
        for name, buffer in self.model.named_buffers():  # a BatchNorm's running means
            arrays[f"buffer.{name}"] = buffer.numpy()
        meta = {"batches": self.batches.state(), "scores": self.scores, "seconds": self.seconds()}
        self._checkpoint.save(arrays, meta)
        self._saved = time.monotonic()

    def resume(self, checkpoint):
        """Take over the state of a run of the same settings, if there is one."""
        self._checkpoint, found = checkpoint, checkpoint.load()
        try:
            if found is not None:
                self._take_over(*found)
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
            path = show_path(checkpoint.path)
            raise ValueError(f"{path}: found a damaged state ({error!r}): remove it") from None

    def _take_over(self, arrays, meta):
        self.losses = arrays.pop("losses").tolist()
        if arrays["steps"] != len(self.losses):
            raise ValueError(f"{len(self.losses)} losses")
        self.scores = [(int(step), float(score)) for step, score in meta["scores"]]
        self._began -= meta["seconds"]
        self.batches.restore(meta["batches"])
        self.optimizer.restore(arrays)
        for name, buffer in self.model.named_buffers():
            buffer[...] = megengine.Tensor(arrays[f"buffer.{name}"])


def _check_loss(losses, checkpoint):
    reference = np.median(losses[:20])
    if losses[-1] <= 100 * abs(reference):  # false for NaN
        return
    text = f"step {len(losses)}: the loss is {losses[-1]:g}, it began near {reference:g}"
    if checkpoint and Path(checkpoint).is_file():
        text += f"; the last checkpoint is {show_path(checkpoint)}"
    raise TrainingDiverged(f"{text}; a lower learning rate may help")


def write_log(path, history):
    """Write a run's learning curve as CSV: step, loss and, where there is one, the score.

    Parameters
    ----------
    path : str or Path
    history : History
    """
    import pandas

    table = pandas.DataFrame({"loss": history.losses}, range(1, len(history.losses) + 1))
    table["score"] = pandas.Series(dict(history.scores), dtype=float)
    write_whole(path, table.to_csv(index_label="step", float_format="%.8g").encode())
