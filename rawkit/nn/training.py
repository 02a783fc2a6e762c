"""The training loop, used by the notebooks, the ablations and the long runs alike."""

import hashlib
import time
from collections import namedtuple

import megengine
import megengine.autodiff
import numpy as np

from ..places import atomic_file, show_path
from .archive import load_arrays, save_arrays
from .losses import l1_loss
from .optimizer import FlatAdam, linear_decay


class TrainingDiverged(RuntimeError):
    """The loss became NaN or exploded."""


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
    checkpoint_seconds=60,
    validate=None,
    validate_every=None,
    progress=False,
):
    """Train a network with Adam (`rawkit.optimizer.FlatAdam`).

    An interrupted run goes on where its last checkpoint stands and ends with the
    same weights as one that was never interrupted.  A finished run, or one made
    with other settings, data or first weights, starts anew.

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
        Where to keep what a resume needs.
    checkpoint_seconds : float
        Time between two checkpoints.
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
    """
    run = _Run(model, batches, ema_decay, clip_norm)
    run.settings = {
        "network": type(model).__name__,
        "config": getattr(model, "config", {}),
        "first_weights": _fingerprint(model),
        "steps": steps,
        "learning_rate": learning_rate,
        "loss": loss.__name__,
        "schedule": schedule.__name__,
        "ema_decay": ema_decay,
        "clip_norm": clip_norm,
        "batches": batches.settings,
    }
    start = run.resume(checkpoint) if checkpoint else 0
    manager = megengine.autodiff.GradManager().attach(model.parameters())
    model.train()
    began = saved = time.time()
    before = run.seconds
    bar = _bar(start, steps) if progress else None
    for step in range(start, steps):
        inputs = [megengine.Tensor(array) for array in next(batches)]
        with manager:
            pred = model(*inputs[:-1])
            _check_shape(pred, inputs[-1])
            value = loss(pred, inputs[-1])
            manager.backward(value)
        run.optimizer.step(learning_rate * schedule(step, steps))
        run.losses.append(float(value.numpy()))
        _check_loss(run.losses, checkpoint)
        run.seconds = before + time.time() - began
        if validate and validate_every and (step + 1) % validate_every == 0 and step + 1 < steps:
            run.validate(validate)
        if checkpoint and time.time() - saved > checkpoint_seconds:
            run.save(checkpoint)
            saved = time.time()
        if bar:
            bar.set_postfix(loss="%.5f" % np.mean(run.losses[-50:]), refresh=False)
            bar.update()
    if bar:
        bar.close()
    if checkpoint:
        run.save(checkpoint)
    run.optimizer.swap()
    model.eval()
    if validate:
        run.scores.append((steps, float(validate(model))))
    return History(np.array(run.losses), run.scores, run.seconds, start)


class _Run:
    """What changes during a run, and its way to disk and back."""

    def __init__(self, model, batches, ema_decay, clip_norm):
        self.model, self.batches = model, batches
        self.optimizer = FlatAdam(model.parameters(), ema_decay, clip_norm)
        self.losses, self.scores, self.seconds = [], [], 0.0
        self.settings = None

    def validate(self, function):
        """Note what `function` says of the averaged weights, if there are any."""
        self.optimizer.swap()
        self.model.eval()
        self.scores.append((len(self.losses), float(function(self.model))))
        self.model.train()
        self.optimizer.swap()

    def save(self, path):
        arrays = {"adam/" + name: array for name, array in self.optimizer.state().items()}
        arrays["losses"] = np.array(self.losses)
        meta = {
            "settings": self.settings,
            "batches": self.batches.state(),
            "scores": self.scores,
            "seconds": self.seconds,
        }
        save_arrays(path, arrays, meta)

    def resume(self, path):
        """Load an interrupted run of the same settings; return the step to go on from."""
        try:
            arrays, meta = load_arrays(path)
        except (FileNotFoundError, ValueError):
            return 0
        losses = arrays["losses"]
        if meta["settings"] != self.settings or len(losses) >= self.settings["steps"]:
            return 0
        self.losses, self.seconds = list(losses), meta["seconds"]
        self.scores = [tuple(pair) for pair in meta["scores"]]
        self.batches.restore(meta["batches"])
        self.optimizer.restore(
            {name[5:]: array for name, array in arrays.items() if name.startswith("adam/")}
        )
        return len(losses)


def _fingerprint(model):
    digest = hashlib.sha256()
    for _, tensor in sorted(model.named_parameters()):
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()[:16]


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
