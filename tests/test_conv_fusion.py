"""Recording a network as one step: what is recorded, what is not, and what happens when
oneDNN fails."""

import gc
import logging

import conv_checks
import megengine as mge
import megengine.functional as F
import megengine.module as M
import numpy as np
import pytest
from conv_checks import TOLERANCE, Skips, assert_close, difference, expect, gradients, random, use
from megengine.autodiff import GradManager

from rawkit.conv import Conv2d, LeakyReLU, ReLU, fused, fusion
from rawkit.conv.library import load_library

pytestmark = pytest.mark.usefixtures("auto_path")


class Own(M.Module):
    """A module as a reader writes one: an operation between two convolutions."""

    def __init__(self, operation):
        super().__init__()
        self.first, self.last = Conv2d(4, 8, 3, padding=1), Conv2d(8, 4, 3, padding=1)
        self.operation = operation

    def forward(self, x):
        return self.last(self.operation(self.first(x)))


def either_sign(x):
    return x if x.sum() > 0 else -x


UNKNOWN = {
    "M.ReLU": M.ReLU(),
    "M.Conv2d": M.Conv2d(8, 8, 1),
    # MegEngine 1.13 sometimes finds a wrong gradient of its weight where it evaluates
    "M.BatchNorm2d": M.BatchNorm2d(8, affine=False),
    "F.concat": lambda x: F.concat([x[:, :4], x[:, 4:]], axis=1),
    "times 2": lambda x: x * 2,
    "slice": lambda x: x[:, ::-1] + x,
    "broadcast": lambda x: x + fused(x, M.AvgPool2d(1)).mean(axis=1, keepdims=True),
    "condition": either_sign,
    "NumPy": lambda x: x + mge.Tensor(np.asarray(x)),
    "a large depthwise filter": Conv2d(8, 8, (1, 5), padding=(0, 2), groups=8),
    "padding": Conv2d(8, 8, 3, padding=1, padding_mode="reflect"),
    "a negative slope": LeakyReLU(-0.5),
    "a value and its ReLU": lambda x: x + ReLU()(x),
    "a ReLU of a ReLU": M.Sequential(LeakyReLU(0.5), ReLU()),
}


@pytest.fixture
def reports():
    """What MegEngine logs."""
    handler, found = logging.Handler(), []
    handler.emit = found.append
    logging.getLogger("megbrain").addHandler(handler)
    yield found
    logging.getLogger("megbrain").removeHandler(handler)


@pytest.mark.parametrize("name", sorted(UNKNOWN))
def test_what_cannot_be_recorded_runs_all_the_same(name, reports):
    net = Own(UNKNOWN[name])
    net.eval()  # in training, what comes before a BatchNorm gets no gradient but noise
    conv_checks.assert_native_agrees(net, *random(2, 2, 4, 8, 8), run=conv_checks.as_modules)
    assert not reports, "MegEngine reports an error that is none"


class Failing:
    """oneDNN's functions, one of which fails from a certain call on."""

    def __init__(self, functions, name, after=0):
        self.functions, self.name, self.left = functions, name, after

    def __getattr__(self, name):
        return self.fail if name == self.name else getattr(self.functions, name)

    def fail(self, *args):
        self.left -= 1
        return 5 if self.left < 0 else getattr(self.functions, self.name)(*args)


@pytest.mark.parametrize(
    "name, after, layer",
    [
        ("convolution_backward_weights_primitive_desc_create", 0, r"Conv2d .* \(4, 16, 3, 3\)"),
        ("deconvolution_forward_primitive_desc_create", 0, r"ConvTranspose2d .* \(32, 16, 2, 2\)"),
        ("primitive_execute", 1, r"Conv2d .* \(16, 5, 3, 3\)"),
        ("primitive_execute", 40, ""),  # in the backward pass
    ],
)
def test_when_onednn_fails_the_layer_is_named(monkeypatch, name, after, layer):
    use("onednn")
    library, _ = load_library()
    net, x, dy = Skips(16), random(2, 5, 8, 12), random(2, 4, 8, 12)
    with monkeypatch.context() as patch:
        patch.setattr(fusion, "_plans", type(fusion._plans)())
        patch.setattr(library, "lib", Failing(library.lib, "dnnl_" + name, after))
        match = f"{layer}.*: found that oneDNN cannot compute it .*RAWKIT_CONV=native"
        with pytest.raises(RuntimeError, match=match):
            gradients(net, x, dy)
    found = gradients(net, x, dy)  # nothing is left of the failure
    use("native")
    assert_close(found, gradients(net, x, dy))


@pytest.mark.parametrize("path", ["onednn", "native"])
def test_only_what_wants_a_gradient_gets_one(path):
    use(path)
    net = M.Sequential(Conv2d(3, 8, 3), ReLU(), Conv2d(8, 2, 1))
    x = mge.Tensor(np.ones((1, 3, 6, 6), np.float32))
    for wanted in ([x], [net[0].bias], [net[2].weight], [x, net[2].bias]):
        gm = GradManager().attach(wanted)
        with gm:
            gm.backward(fused(x, net).sum())
        tensors = [x] + list(net.parameters())
        assert {id(t) for t in tensors if t.grad is not None} == {id(t) for t in wanted}
        for t in tensors:
            t.grad = None


def test_hooks_see_tensors_whenever_they_come():
    layer, x, seen = Conv2d(4, 4, 3, padding=1), mge.Tensor(random(1, 4, 8, 8)), []
    before = fused(x, layer).numpy()  # nobody looks yet
    layer.register_forward_hook(lambda module, inputs, output: seen.append(output.numpy()))
    np.testing.assert_allclose([fused(x, layer).numpy(), *seen], [before] * 2, atol=1e-6)


def test_mistakes_have_clear_errors():
    use("onednn")
    layer, x = Conv2d(4, 8, 3), mge.Tensor(np.zeros((1, 4, 8, 8), np.float32))
    with pytest.raises(RuntimeError, match="needs an input"):
        fused(x, layer, layer)
    with pytest.raises(RuntimeError, match=r"Conv2d\(4, 8, .* needs a larger input"):
        fused(x[:, :, :2], layer)
    layer.weight = mge.Parameter(np.zeros((8, 3, 3, 3), np.float32))
    with pytest.raises(RuntimeError, match=r"other shapes: \(\(8, 3, 3, 3\), \(1, 8, 1, 1\)\)"):
        layer(x)


def test_two_forward_passes_before_their_backward_passes_keep_their_own_values():
    use("onednn")
    layer = Conv2d(4, 8, 3)
    x, dy = random(2, 1, 4, 6, 6)
    gm = GradManager().attach([layer.weight])
    with gm:
        total = fused(mge.Tensor(x), layer).sum() + fused(mge.Tensor(dy), layer).sum()
        gm.backward(total)
    ones = np.ones((1, 8, 4, 4), np.float32)
    expected = sum(expect(layer, v, ones)["weight"] for v in (x, dy))
    assert difference(layer.weight.grad.numpy(), expected) < TOLERANCE


def anonymous_memory():
    """MiB of anonymous memory that this process holds."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("RssAnon"))


@pytest.mark.slow
def test_memory_stays_flat():
    use("onednn")
    net, rng = Skips(16), np.random.default_rng(0)
    gm = GradManager().attach(list(net.parameters()))

    def step(backward):
        height, width = 2 * rng.integers(8, 24, 2)
        with gm:
            loss = fused(mge.Tensor(rng.random((4, 5, height, width), np.float32)), net).sum()
            if backward:
                gm.backward(loss)
        loss.numpy()

    for _ in range(12):
        step(True)
    before = anonymous_memory()
    for i in range(24):
        step(i % 2)  # a forward pass without its backward pass must not leak either
    gc.collect()
    assert anonymous_memory() - before < 40
    assert len(fusion._plans) <= fusion.PLANS
