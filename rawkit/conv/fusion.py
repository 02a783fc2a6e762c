"""Several layers as one differentiable step on oneDNN."""

import logging
from collections import OrderedDict
from contextlib import contextmanager

import megengine
import megengine.functional as F
import megengine.module as M
import numpy as np
from megengine.autodiff import Function
from megengine.core._imperative_rt import core2
from megengine.utils.hook import HookHandler

from .backend import path_on
from .graph import Symbol, Tape, Unsupported
from .plan import Plan
from .threads import tame_polling
from .workspace import Workspace

PLANS, PLAN_BYTES = 8, 1 << 30  # how many are kept ready, in how much memory

# by what they are made of, the oldest first; with each a list: its memory while nobody uses it
_plans = OrderedDict()
_log = logging.getLogger("megbrain")


def fused(x, *modules):
    """Run modules one after the other, as one step where that is faster.

    `Conv2d` and `ConvTranspose2d` of this package, `M.Sequential`, additions of values of one
    shape, and `LeakyReLU` and `ReLU` of what comes from these and is used nowhere else, become one
    step on oneDNN.  If there is any other operation, the layers run one by one.

    The same weights, input, machine and number of threads give the same result and gradients,
    bit for bit.  Another number of threads (OMP_NUM_THREADS, the cores that the process may use),
    instruction set, version of oneDNN, batch or crop size, and the native path change the order
    in which numbers are added, and with it the last digits.

    Parameters
    ----------
    x : tensor, shape (N, C, H, W), float32
    *modules : modules, or functions of one value
        They may be called twice: once to be recorded, and once more if they contain
        something that cannot be.

    Returns
    -------
    tensor

    Raises
    ------
    RuntimeError
        If a layer does not fit its input's shape, or oneDNN fails: names the layer.
    """
    if not isinstance(x, Symbol) and _computable(x) and not _hooked(modules):
        tape = Tape(x.shape)
        try:
            with _silence():
                result = tape.input()
                for module in modules:
                    result = module(result)
            graph = tape.graph(result)
        except Exception:  # an operation not known here, or a mistake that shows below again
            graph = None
        if graph is not None:
            return _run(x, tape.params, *graph)
    for module in modules:
        x = module(x)
    return x


@contextmanager
def _silence():
    """MegEngine reports each operation that cannot be recorded as an error, which it is not."""
    before, _log.disabled = _log.disabled, True
    try:
        yield
    finally:
        _log.disabled = before


def run_layer(x, layer):
    """Compute one layer on oneDNN; None where only MegEngine can.

    Raises
    ------
    RuntimeError
        As `fused`.
    """
    if not _computable(x):
        return None
    tape = Tape(x.shape)
    try:
        graph = tape.graph(layer.record(tape.input()))
    except Unsupported:
        return None
    return _run(x, tape.params, *graph)


def _computable(x):
    return x.ndim == 4 and x.dtype == "float32" and path_on(str(x.device)).name == "onednn"


def _hooked(modules):
    """Whether hooks want to see what happens inside."""
    owners = (getattr(module, "__self__", module) for module in modules)
    parts = (p for owner in owners if isinstance(owner, M.Module) for p in owner.modules())
    # to ask all modules takes 3 ms: not where no hook was ever made
    return HookHandler.hook_num > 0 and any(p._forward_hooks or p._forward_pre_hooks for p in parts)


def _run(x, params, graph, shapes):
    """Compute a graph on oneDNN."""
    if not graph:
        return x
    args = [x] + params
    # private, but MegEngine's own Function asks the same
    needs = [core2.get_grad_key((arg,)) is not None for arg in args]
    # the graph alone does not say how many channels a layer has
    key = (graph, shapes, tuple(tuple(p.shape) for p in params))
    plan, spare = _plan(key + (needs[0] if any(needs) else None,))
    workspace = spare.pop() if spare else Workspace(plan)
    y = workspace.forward(x.numpy(), _read(params, new=any(needs)))
    if any(needs):
        return _Graph(workspace, spare, y)(*args)
    spare[:] = [workspace]
    return megengine.Tensor(y, device=x.device)


def _read(params, new):
    """Parameters as arrays; new ones at once: to wait for each takes a seventh of a small step."""
    if not (new and params):
        return [param.numpy() for param in params]
    shapes = [tuple(map(int, param.shape)) for param in params]
    flat = F.concat([param.detach().flatten() for param in params]).numpy()
    parts = np.split(flat, np.cumsum([np.prod(shape) for shape in shapes[:-1]]))
    return [part.reshape(shape) for part, shape in zip(parts, shapes)]


def _plan(key):
    if key not in _plans:
        _plans[key] = Plan(*key), []
        tame_polling()
    found = _plans[key]
    _plans.move_to_end(key)
    while len(_plans) > PLANS or sum(plan.arena_size for plan, _ in _plans.values()) > PLAN_BYTES:
        _plans.popitem(last=False)
    return found


class _Graph(Function):
    """A graph that has been computed, and its backward pass.

    An exception in `Function.forward` would leave MegEngine's gradients switched
    off, so nothing is computed there.
    """

    def __init__(self, workspace, spare, y):
        self.workspace, self.spare, self.y = workspace, spare, y

    def forward(self, x, *params):
        y, self.y = self.y, None
        return megengine.Tensor(y, device=x.device)

    def backward(self, dy):
        if self.workspace is None:
            raise RuntimeError("a second backward pass needs a new forward pass")
        grads = self.workspace.backward(dy.numpy())
        self._release()
        return tuple(g if g is None else megengine.Tensor(g, device=dy.device) for g in grads)

    def _release(self):
        if self.workspace is not None:
            self.spare[:] = [self.workspace]
            self.workspace = None

    __del__ = _release
