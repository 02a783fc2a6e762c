"""rawkit.nn.conv against float64 and MegEngine's own operators, on every path."""

import gc
import os
import subprocess
import sys
import threading

import megengine as mge
import megengine.functional as F
import megengine.module as M
import megengine.optimizer
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from megengine.autodiff import GradManager
from megengine.utils.module_stats import module_stats

from rawkit.nn import conv
from rawkit.nn.conv import Conv2d, ConvTranspose2d, LeakyReLU, ReLU, fused, onednn, threads
from rawkit.nn.conv.graph import Tape

TOLERANCE = 1e-5  # largest difference over largest value
FAST = ["onednn", "numpy"]


@pytest.fixture(autouse=True)
def auto_path():
    yield
    conv.set_conv_path("auto")


def use(path):
    conv.set_conv_path(path)
    if conv.conv_path().name != path:
        pytest.skip("this machine's path is %s" % (conv.conv_path(),))


def difference(found, expected):
    assert found.shape == expected.shape
    return np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-30)


def gradients(net, x, dy, run=fused):
    """Output, input's gradient and the parameters' gradients, by name."""
    x = mge.Tensor(x)
    names, tensors = zip(*net.named_parameters())
    gm = GradManager().attach(list(tensors) + [x])
    with gm:
        y = run(x, net)
        gm.backward((y * mge.Tensor(dy)).sum())
    found = {name: t.grad.numpy() for name, t in zip(names, tensors)}
    found.update(y=y.numpy(), x=x.grad.numpy())
    for t in tensors:
        t.grad = None
    return found


def in_float64(large, small, w, node):
    """A convolution's three products, one kernel element at a time.

    `w` is (groups, O, I, kh, kw); returns correlate(large), its adjoint applied
    to `small`, and the gradient of `w`.
    """
    groups, (sy, sx), (py, px), (dy, dx) = node.groups, node.stride, node.padding, node.dilation
    large = np.pad(large.astype(np.float64), ((0, 0), (0, 0), (py, py), (px, px)))
    n, _, height, width = large.shape
    h, wd = small.shape[2:]
    large = large.reshape(n, groups, -1, height, width)
    small = small.astype(np.float64).reshape(n, groups, -1, h, wd)
    out, back, dw = np.zeros_like(small), np.zeros_like(large), np.zeros(w.shape)
    for i in range(w.shape[3]):
        for j in range(w.shape[4]):
            rows = slice(i * dy, i * dy + (h - 1) * sy + 1, sy)
            columns = slice(j * dx, j * dx + (wd - 1) * sx + 1, sx)
            window, tap = large[..., rows, columns], w[:, :, :, i, j].astype(np.float64)
            out += np.einsum("ngihw,goi->ngohw", window, tap)
            back[..., rows, columns] += np.einsum("ngohw,goi->ngihw", small, tap)
            dw[:, :, :, i, j] = np.einsum("ngohw,ngihw->goi", small, window)
    back = back[..., py : height - py, px : width - px]
    return out.reshape(n, -1, h, wd), back.reshape(n, -1, *back.shape[3:]), dw


def expect(layer, x, dy):
    """What `gradients` should find for one convolution."""
    w = layer.weight.numpy()
    groups = w.reshape((layer.groups,) + w.shape[-4:])
    if layer.groups > 1:
        groups = w
    if isinstance(layer, ConvTranspose2d):
        dx, y, dw = in_float64(dy, x, groups, layer)
    else:
        y, dx, dw = in_float64(x, dy, groups, layer)
    found = {"weight": dw.reshape(w.shape), "x": dx, "y": y}
    if layer.bias is not None:
        found["y"] = y + layer.bias.numpy().astype(np.float64)
        found["bias"] = dy.astype(np.float64).sum((0, 2, 3)).reshape(1, -1, 1, 1)
    return found


@st.composite
def layers(draw):
    """A convolution, its input's shape, and a seed."""
    kernel = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    stride = draw(st.sampled_from([1, 1, 2]))
    dilation = draw(st.sampled_from([1, 1, 1, 2]))
    padding = draw(st.integers(0, 2))
    kind = draw(st.sampled_from(["dense", "dense", "depthwise", "grouped", "transposed"]))
    channels = draw(st.integers(1, 20))
    outputs, groups = draw(st.integers(1, 20)), 1
    if kind == "depthwise":
        groups = outputs = channels = max(2, channels)
    elif kind == "grouped":
        groups, channels, outputs = 2, 2 * channels, 2 * outputs
    size = st.integers(10, 17)
    shape = (draw(st.integers(1, 2)), channels, draw(size), draw(size))
    args = (channels, outputs, kernel, stride, padding)
    bias = draw(st.booleans())
    if kind == "transposed":
        layer = ConvTranspose2d(*args, dilation=dilation, bias=bias)
    else:
        layer = Conv2d(*args, dilation=dilation, groups=groups, bias=bias)
    return layer, shape, draw(st.integers(0, 1000))


@pytest.mark.parametrize("path", FAST + ["native"])
@settings(max_examples=40, deadline=None, derandomize=True)
@given(case=layers())
def test_every_layer_agrees_with_float64(path, case):
    use(path)
    layer, shape, seed = case
    rng = np.random.default_rng(seed)
    if layer.bias is not None:
        layer.bias[...] = mge.Tensor(rng.normal(size=layer.bias.shape).astype(np.float32))
    x = rng.normal(size=shape).astype(np.float32)
    dy = rng.normal(size=layer(mge.Tensor(x)).shape).astype(np.float32)
    expected, found = expect(layer, x, dy), gradients(layer, x, dy)
    assert sorted(found) == sorted(expected)
    for name in expected:
        assert difference(found[name], expected[name]) < TOLERANCE, name


class Skips(M.Module):
    """Everything at once: depthwise, 1x1, down, up, additions, one layer used twice."""

    def __init__(self, channels=16):
        super().__init__()
        self.entry = Conv2d(5, channels, 3, padding=1)
        self.wide = Conv2d(channels, channels, 5, padding=2, groups=channels, bias=False)
        self.mix = Conv2d(channels, channels, 1)
        self.act, self.relu = LeakyReLU(0.125), ReLU()
        self.down = Conv2d(channels, 2 * channels, 2, stride=2)
        self.up = ConvTranspose2d(2 * channels, channels, 2, stride=2)
        self.exit = Conv2d(channels, 4, 3, padding=1)

    def _block(self, x):
        return x + self.mix(self.act(self.wide(x)))

    def forward(self, x):
        fine = self._block(self.relu(self.entry(x)))
        up = self.up(self.act(self.down(fine)))
        both = self.act(up + fine)
        return self.exit(self._block(both) + self.act(up))


@pytest.mark.parametrize("path", FAST)
@pytest.mark.parametrize("channels", [16, 10])
@pytest.mark.parametrize("shape", [(1, 5, 6, 10), (3, 5, 18, 70)])
def test_network_with_skips_agrees_with_native(path, channels, shape):
    net, rng = Skips(channels), np.random.default_rng(0)
    x = rng.normal(size=shape).astype(np.float32)
    dy = rng.normal(size=(shape[0], 4) + shape[2:]).astype(np.float32)
    use("native")
    expected = gradients(net, x, dy)
    use(path)
    for run in (fused, lambda x, net: net(x)):  # as one step, and layer by layer
        found = gradients(net, x, dy, run)
        for name in expected:
            assert difference(found[name], expected[name]) < TOLERANCE, name


@pytest.mark.parametrize("path", FAST)
@pytest.mark.parametrize("width", [33, 70])  # an odd width, and one beyond a block
def test_chain_of_fifty_channels(path, width):
    net = M.Sequential(
        Conv2d(4, 50, 3, padding=1), LeakyReLU(0.125), Conv2d(50, 4, 3, padding=1), LeakyReLU(0.125)
    )
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(2, 2, 4, 9, width)).astype(np.float32)
    use("native")
    expected = gradients(net, x, dy)
    use(path)
    found = gradients(net, x, dy)
    for name in expected:
        assert difference(found[name], expected[name]) < TOLERANCE, name
    quiet = fused(mge.Tensor(x), net)  # nobody asks for gradients
    assert difference(quiet.numpy(), expected["y"]) < TOLERANCE


@pytest.mark.parametrize("path", FAST + ["native"])
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


@pytest.mark.parametrize("path", FAST)
def test_weights_need_not_be_contiguous(path):
    layer, rng = Conv2d(3, 7, (1, 3)), np.random.default_rng(0)
    values = mge.Tensor(rng.normal(size=(3, 1, 3, 7)).astype(np.float32))
    layer.weight = mge.Parameter(F.transpose(values, (3, 2, 1, 0)))
    x = rng.normal(size=(1, 3, 5, 6)).astype(np.float32)
    dy = rng.normal(size=(1, 7, 5, 4)).astype(np.float32)
    use(path)
    found, expected = gradients(layer, x, dy), expect(layer, x, dy)
    assert all(difference(found[name], expected[name]) < TOLERANCE for name in expected)


def test_same_parameters_as_megengine():
    for ours, theirs in ((Conv2d, M.Conv2d), (ConvTranspose2d, M.ConvTranspose2d)):
        mge.random.seed(1)
        a = ours(4, 6, 3, stride=2, padding=1)
        mge.random.seed(1)
        b = theirs(4, 6, 3, stride=2, padding=1)
        for name, values in b.state_dict().items():
            np.testing.assert_array_equal(a.state_dict()[name], values)
        a.load_state_dict(b.state_dict())


@pytest.mark.parametrize("path", FAST + ["native"])
def test_module_stats_count_the_same(path):
    use(path)

    class Net(M.Module):
        def __init__(self):
            super().__init__()
            self.body = Skips()

        def forward(self, x):
            return fused(x, self.body.forward)

    total, _ = module_stats(
        Net(), inputs=np.zeros((1, 5, 8, 8), np.float32), logging_to_stdout=False
    )
    # entry, wide, mix, down, up, exit; `wide` and `mix` work twice
    assert total.param_dims == 736 + 400 + 272 + 2080 + 2064 + 580
    assert total.flops == 47104 + 2 * 25600 + 2 * 17408 + 33280 + 33792 + 37120


@pytest.mark.parametrize("path", FAST + ["native"])
@pytest.mark.parametrize(
    "shape",
    [(1, 5, 8, 8), (4, 8, 8), (1, 4, 1, 8), (0, 4, 8, 8)],
    ids=["channels", "rank", "small", "empty"],
)
def test_wrong_shapes_raise(path, shape):
    use(path)
    if path == "native" and 0 in shape:
        pytest.skip("MegEngine answers nothing with nothing")
    layer = Conv2d(4, 8, 3)
    with pytest.raises((RuntimeError, AssertionError)):
        fused(mge.Tensor(np.zeros(shape, np.float32)), layer, LeakyReLU(0.1)).numpy()


@pytest.mark.parametrize("path", FAST)
def test_mistakes_have_clear_errors(path):
    use(path)
    layer, x = Conv2d(4, 8, 3), mge.Tensor(np.zeros((1, 4, 8, 8), np.float32))
    with pytest.raises(RuntimeError, match="needs an input"):
        fused(x, layer, layer)
    with pytest.raises(RuntimeError, match="cannot add"):
        fused(x, lambda v: v + layer(v))
    layer.weight = mge.Parameter(np.zeros((8, 3, 3, 3), np.float32))
    with pytest.raises(RuntimeError, match="weight has shape"):
        layer(x)
    with pytest.raises(ValueError, match="expected one of"):
        conv.set_conv_path("cuda")


@pytest.mark.parametrize("path", FAST)
def test_unsupported_layers_run_natively(path):
    use(path)
    x = mge.Tensor(np.random.default_rng(0).normal(size=(1, 4, 8, 8)).astype(np.float32))
    layer = Conv2d(4, 8, 3, padding=1, padding_mode="reflect")
    expected = M.Conv2d.forward(layer, x).numpy()
    np.testing.assert_array_equal(fused(x, layer).numpy(), expected)
    np.testing.assert_allclose(fused(x, layer, ReLU()).numpy(), np.maximum(expected, 0))


@pytest.mark.parametrize("path", FAST)
def test_second_backward_raises(path):
    use(path)
    layer = Conv2d(4, 8, 3)
    step = conv._Graph((), (), None)
    with pytest.raises(RuntimeError, match="new forward pass"):
        step.backward(mge.Tensor(np.zeros((1, 8, 2, 2), np.float32)))
    # two forward passes before the two backward passes keep their own values
    x, dy = np.random.default_rng(0).normal(size=(2, 1, 4, 6, 6)).astype(np.float32)
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

    for _ in range(40):
        step(True)
    before = anonymous_memory()
    for i in range(80):
        step(i % 2)  # a forward pass without its backward pass must not leak either
    gc.collect()
    assert anonymous_memory() - before < 40
    assert len(conv._plans) <= conv.PLANS
    assert all(len(plan.idle) <= 1 for plan in conv._plans.values())


def test_threads_do_not_disturb_each_other():
    # MegEngine's own tensors belong to one thread; the plans do not mind several
    use("onednn")
    net, x = Skips(8), np.random.default_rng(0).normal(size=(2, 5, 64, 64)).astype(np.float32)
    tape = Tape(x.shape)
    graph, shapes = tape.graph(net(tape.input()))
    params = [p.numpy() for p in tape.params]
    plan = onednn.Plan(graph, shapes, [p.shape for p in params], None)
    expected, found = fused(mge.Tensor(x), net).numpy(), {}

    def work(i):
        found[i] = []
        for _ in range(20):
            workspace = plan.workspace()
            found[i].append(workspace.forward(x, params))
            workspace.release()

    workers = [threading.Thread(target=work, args=(i,)) for i in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [len(found[i]) for i in range(3)] == [20, 20, 20]
    assert all(difference(y, expected) < TOLERANCE for ys in found.values() for y in ys)


def train(path, steps=200):
    """The loss of each step of a small network's training."""
    use(path)
    mge.random.seed(3)
    first, second, last = (Conv2d(i, o, 3, padding=1) for i, o in ((4, 10), (10, 10), (10, 4)))
    net = M.Sequential(first, LeakyReLU(0.125), second, LeakyReLU(0.125), last)
    gm = GradManager().attach(list(net.parameters()))
    optimizer = megengine.optimizer.Adam(net.parameters(), lr=2e-3)
    rng, losses = np.random.default_rng(3), []
    for _ in range(steps):
        clean = rng.random((2, 4, 1, 1)) + 0.1 * np.sin(np.arange(12) * rng.random())
        clean = np.broadcast_to(clean, (2, 4, 12, 12)).astype(np.float32)
        noisy = clean + 0.1 * rng.normal(size=clean.shape).astype(np.float32)
        with gm:
            loss = F.abs(fused(mge.Tensor(noisy), net) - mge.Tensor(clean)).mean()
            gm.backward(loss)
        optimizer.step().clear_grad()
        losses.append(loss.item())
    return np.array(losses)


@pytest.mark.parametrize("path", FAST)
def test_training_takes_the_same_course_as_native(path):
    smooth = [np.convolve(train(p), np.ones(20) / 20, "valid") for p in (path, "native")]
    assert smooth[1][-1] < 0.6 * smooth[1][0]  # it does learn
    assert difference(*smooth) < 0.01


def test_without_onednn_numpy_takes_over(monkeypatch):
    def refuse(*args):
        raise OSError("libgomp.so.1: cannot open shared object file")

    monkeypatch.setattr(onednn, "_library", None)
    monkeypatch.setattr(onednn.ctypes, "CDLL", refuse)
    assert conv.conv_path().name == "numpy"
    assert "libgomp" in conv.conv_path().reason


def test_environment_chooses_the_path(monkeypatch):
    monkeypatch.setenv("RAWKIT_CONV", "native")
    assert conv.conv_path() == ("native", "chosen by RAWKIT_CONV")
    monkeypatch.setenv("RAWKIT_CONV", "fast")
    with pytest.raises(ValueError, match="RAWKIT_CONV: found 'fast'"):
        conv.conv_path()


def test_agrees_with_float64_on_older_processors():
    env = dict(os.environ, ONEDNN_MAX_CPU_ISA="AVX2")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__]
    command += ["-k", "onednn and (float64 or skips or fifty)"]
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, universal_newlines=True)
    assert done.returncode == 0, done.stdout


def test_usable_cores(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    cores = threads.usable_cores()
    assert 1 <= cores <= os.cpu_count()
    monkeypatch.setattr(threads, "_quota", lambda: 1.5)
    assert threads.usable_cores() == 1
    monkeypatch.setattr(threads, "_quota", lambda: 1e6)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert threads.usable_cores() == 1
