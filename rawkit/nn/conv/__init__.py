"""Convolutions that are fast on a CPU and MegEngine's own on a GPU.

MegEngine computes the gradient of a convolution's filter naively on a CPU, so
a training step takes about sixty times as long as it must.  Here the layers of
a network run together, inside one `megengine.autodiff.Function`:

* "onednn": on the oneDNN library, activations kept in its own layout;
* "numpy": on NumPy's matrix product, where oneDNN cannot be loaded;
* "native": on MegEngine's operators, always on a GPU.

`conv_path()` says which and why.  The environment variable RAWKIT_CONV or
`set_conv_path` chooses one: auto (the default), onednn, numpy, native.
"""

import os
from collections import OrderedDict, namedtuple

import megengine as mge
import megengine.functional as F
import megengine.module as M
from megengine.autodiff import Function
from megengine.core._imperative_rt import core2

from .. import device
from . import blas, onednn
from .graph import Symbol, Tape, Unsupported
from .threads import tame_polling

PATHS = ("auto", "onednn", "numpy", "native")
PLANS, PLAN_BYTES = 8, 1 << 30  # how many are kept ready, in how much memory

ConvPath = namedtuple("ConvPath", "name reason")
_chosen = None
_plans = OrderedDict()


def set_conv_path(name):
    """Choose how convolutions are computed from now on.

    Parameters
    ----------
    name : "auto", "onednn", "numpy" or "native"

    Raises
    ------
    ValueError
        If the name is none of these.
    """
    global _chosen
    if name not in PATHS:
        raise ValueError("found conv path %r, expected one of %s" % (name, ", ".join(PATHS)))
    _chosen = None if name == "auto" else name


def conv_path():
    """Which way convolutions are computed on the default device, and why.

    Returns
    -------
    ConvPath : named tuple (name, reason)
    """
    return _path(mge.get_default_device())


def _path(where):
    if "gpu" in where or ("xpu" in where and device.on_gpu()):
        return ConvPath("native", "a GPU computes")
    wish, by = _chosen, "set_conv_path"
    if wish is None:
        wish, by = os.environ.get("RAWKIT_CONV") or "auto", "RAWKIT_CONV"
        if wish not in PATHS:
            raise ValueError("RAWKIT_CONV: found %r, expected one of %s" % (wish, ", ".join(PATHS)))
    if wish in ("numpy", "native"):
        return ConvPath(wish, "chosen by %s" % by)
    try:
        return ConvPath("onednn", "oneDNN %d.%d for %s" % onednn.library().about)
    except OSError as error:
        return ConvPath("numpy", "oneDNN cannot be loaded: %s" % error)


def _plan(path, graph, shapes, params, needs):
    # the graph alone does not tell how many channels a layer has
    key = (path, graph, tuple(shapes), tuple(map(tuple, params)), needs)
    plan = _plans.pop(key, None)
    if plan is None:
        plan = (blas if path == "numpy" else onednn).Plan(graph, shapes, params, needs)
        tame_polling()
    _plans[key] = plan
    while len(_plans) > PLANS or sum(p.arena_size for p in _plans.values()) > PLAN_BYTES:
        _, oldest = _plans.popitem(last=False)
        oldest.drop()
    return plan


class _Graph(Function):
    """A recorded graph as one differentiable step."""

    def __init__(self, graph, shapes, needs):
        self.graph, self.shapes, self.needs = graph, shapes, needs
        self.workspace = None

    def forward(self, x, *params):
        params = [p.numpy() for p in params]
        path = _path(str(x.device)).name
        plan = _plan(path, self.graph, self.shapes, [p.shape for p in params], self.needs)
        workspace = plan.workspace()
        y = mge.Tensor(workspace.forward(x.numpy(), params), device=x.device)
        if self.needs is None:
            workspace.release()
        else:
            self.workspace = workspace
        return y

    def backward(self, dy):
        workspace, self.workspace = self.workspace, None
        if workspace is None:
            raise RuntimeError("a second backward pass needs a new forward pass")
        dx, grads = workspace.backward(dy.numpy())
        workspace.release()
        return tuple(
            mge.Tensor(g, device=dy.device) if g is not None and need else None
            for g, need in zip([dx] + grads, self.needs)
        )

    def __del__(self):
        if self.workspace is not None:
            self.workspace.release()


def fused(x, *modules):
    """Run modules one after the other, as one step where that is faster.

    Parameters
    ----------
    x : tensor, shape (N, C, H, W), float32
    *modules : modules, or functions of one value
        Made of this file's `Conv2d`, `ConvTranspose2d`, `LeakyReLU` and `ReLU`,
        of `M.Sequential`, and of + between values of one shape.

    Returns
    -------
    tensor

    Raises
    ------
    RuntimeError
        If a layer does not fit its input's shape.
    """
    if not isinstance(x, Symbol) and _fusable(x, modules):
        tape = Tape(x.shape)
        try:
            result = tape.input()
            for module in modules:
                result = module(result)
        except Unsupported:
            pass
        else:
            return _run(x, tape, result)
    for module in modules:
        x = module(x)
    return x


def _fusable(x, modules):
    if x.ndim != 4 or x.dtype != "float32" or _path(str(x.device)).name == "native":
        return False
    owners = [getattr(module, "__self__", module) for module in modules]
    return not any(
        part._forward_hooks or part._forward_pre_hooks
        for owner in owners
        if isinstance(owner, M.Module)
        for part in owner.modules()
    )


def _run(x, tape, result):
    if result.value == 0:
        return x
    graph, shapes = tape.graph(result)
    args = [x] + tape.params
    needs = tuple(core2.get_grad_key((arg,)) is not None for arg in args)
    return _Graph(graph, shapes, needs if any(needs) else None)(*args)


class _Layer:
    """Records itself on a tape, or runs as a graph of one layer."""

    def forward(self, x):
        if isinstance(x, Symbol):
            return self._record(x)
        if x.ndim == 4 and x.dtype == "float32" and _path(str(x.device)).name != "native":
            tape = Tape(x.shape)
            try:
                return _run(x, tape, self._record(tape.input()))
            except Unsupported:
                pass
        return self._native(x)


class Conv2d(_Layer, M.Conv2d):
    """`M.Conv2d`, fast on a CPU: same arguments, parameters, names and start values."""

    def _record(self, x):
        return x.tape.conv(self, x)

    def _native(self, x):
        return M.Conv2d.forward(self, x)


class ConvTranspose2d(_Layer, M.ConvTranspose2d):
    """`M.ConvTranspose2d`, fast on a CPU: same arguments, parameters, names and start values."""

    def _record(self, x):
        return x.tape.conv(self, x, transposed=True)

    def _native(self, x):
        return M.ConvTranspose2d.forward(self, x)


class LeakyReLU(M.Module):
    """x where positive, `negative_slope` x elsewhere; cheaper than `M.LeakyReLU`."""

    def __init__(self, negative_slope=0.01, **kwargs):
        super().__init__(**kwargs)
        self.negative_slope = negative_slope

    def forward(self, x):
        if isinstance(x, Symbol):
            return x.tape.act(x, self.negative_slope)
        return F.maximum(self.negative_slope * x, x)


class ReLU(M.Module):
    """x where positive, 0 elsewhere."""

    def forward(self, x):
        return x.tape.act(x, 0.0) if isinstance(x, Symbol) else F.relu(x)
