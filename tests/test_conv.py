"""rawkit.conv's layers against float64 and MegEngine's own operators."""

import os
import subprocess
import sys

import conv_checks
import megengine as mge
import megengine.functional as F
import megengine.module as M
import megengine.optimizer
import numpy as np
import pytest
from conv_checks import Skips, assert_close, difference, expect, gradients, random, use
from hypothesis import given, settings
from hypothesis import strategies as st
from megengine.autodiff import GradManager

from rawkit.conv import Conv2d, ConvTranspose2d, LeakyReLU, fused

pytestmark = pytest.mark.usefixtures("auto_path")


def pairs(*values):
    return st.tuples(st.sampled_from(values), st.sampled_from(values))


@st.composite
def layers(draw):
    """A convolution, its input's shape, and a seed.

    Groups of any kind are among them: one channel in, one out, or several.
    """
    groups = draw(st.sampled_from([1, 1, 2, 3, 4, 8, 16]))
    each = st.integers(1, max(1, 20 // groups))
    inputs, outputs = groups * draw(each), groups * draw(each)
    kernel, stride = draw(pairs(1, 2, 3, 4, 5)), draw(pairs(1, 1, 2, 3))
    padding, dilation = draw(pairs(0, 1, 2)), draw(pairs(1, 1, 2))
    kind = draw(st.sampled_from([Conv2d, Conv2d, ConvTranspose2d]))
    size = st.integers(10, 17)
    shape = (draw(st.integers(1, 2)), inputs, draw(size), draw(size))
    args = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    layer = kind(inputs, outputs, kernel, bias=draw(st.booleans()), **args)
    return layer, shape, draw(st.integers(0, 1000))


def filled(layer, shape, rng):
    """Random bias, input, and gradient of the output."""
    if layer.bias is not None:
        layer.bias[...] = mge.Tensor(rng.normal(size=layer.bias.shape).astype(np.float32))
    x = rng.normal(size=shape).astype(np.float32)
    return x, rng.normal(size=layer(mge.Tensor(x)).shape).astype(np.float32)


@pytest.mark.parametrize("path", ["onednn", "native"])
@settings(max_examples=30, deadline=None, derandomize=True)
@given(case=layers())
def test_every_layer_agrees_with_float64(path, case):
    use(path)
    layer, shape, seed = case
    x, dy = filled(layer, shape, np.random.default_rng(seed))
    assert_close(gradients(layer, x, dy), expect(layer, x, dy))


@pytest.mark.parametrize("channels", [16, 10])
@pytest.mark.parametrize("shape", [(1, 5, 6, 10), (3, 5, 18, 70)])
def test_network_with_skips_agrees_with_native(channels, shape):
    count, _, height, width = shape
    conv_checks.assert_native_agrees(
        Skips(channels), random(*shape), random(count, 4, height, width)
    )


def test_layers_of_both_kinds_can_share_weights():
    down, up = Conv2d(8, 8, 2, stride=2), ConvTranspose2d(8, 8, 2, stride=2)
    up.weight = down.weight
    conv_checks.assert_native_agrees(M.Sequential(down, up), *random(2, 1, 8, 8, 10))


@pytest.mark.parametrize("slope", [2, 0.125, 0.0, -0.5])
def test_every_slope_is_the_same_on_every_path(slope):
    net = M.Sequential(Conv2d(3, 8, 3), LeakyReLU(slope), Conv2d(8, 2, 1))
    x, dy = random(1, 3, 9, 9), random(1, 2, 7, 7)
    x[..., :4] = 0  # the bias is 0, too: what comes out is neither positive nor negative
    use("native")
    expected = gradients(net, x, dy)
    middle = M.Conv2d.forward(net[0], mge.Tensor(x)).numpy()
    expected["y"] = net[2](mge.Tensor(np.where(middle > 0, middle, slope * middle))).numpy()
    use("onednn")
    assert_close(gradients(net, x, dy), expected)


def test_same_parameters_as_megengine():
    for ours, theirs in ((Conv2d, M.Conv2d), (ConvTranspose2d, M.ConvTranspose2d)):
        mge.random.seed(1)
        a = ours(4, 6, 3, stride=2, padding=1)
        mge.random.seed(1)
        b = theirs(4, 6, 3, stride=2, padding=1)
        for name, values in b.state_dict().items():
            np.testing.assert_array_equal(a.state_dict()[name], values)
        a.load_state_dict(b.state_dict())


def training(path, width=10, crop=12, steps=200):
    """A small network's training: the loss of each step, and the weights at its end."""
    use(path)
    mge.random.seed(3)
    sizes = ((4, width), (width, width), (width, 4))
    first, second, last = (Conv2d(i, o, 3, padding=1) for i, o in sizes)
    net = M.Sequential(first, LeakyReLU(0.125), second, LeakyReLU(0.125), last)
    gm = GradManager().attach(list(net.parameters()))
    optimizer = megengine.optimizer.Adam(net.parameters(), lr=2e-3)
    rng, losses = np.random.default_rng(3), []
    for _ in range(steps):
        clean = rng.random((2, 4, 1, 1)) + 0.1 * np.sin(np.arange(crop) * rng.random())
        clean = np.broadcast_to(clean, (2, 4, crop, crop)).astype(np.float32)
        noisy = clean + 0.1 * rng.normal(size=clean.shape).astype(np.float32)
        with gm:
            loss = F.abs(fused(mge.Tensor(noisy), net) - mge.Tensor(clean)).mean()
            gm.backward(loss)
        optimizer.step().clear_grad()
        losses.append(loss.item())
    weights = np.concatenate([p.numpy().ravel() for p in net.parameters()])
    return np.array(losses), weights


@pytest.mark.slow
def test_training_takes_the_same_course_as_native():
    losses = [training(path)[0] for path in ("onednn", "native")]
    if not np.isfinite(losses[1]).all():  # MegEngine's own layers go wrong once in some hundreds
        losses[1] = training("native")[0]
    smooth = [np.convolve(found, np.ones(20) / 20, "valid") for found in losses]
    assert smooth[1][-1] < 0.6 * smooth[1][0]  # it does learn
    assert difference(*smooth) < 0.01


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights_bit_for_bit():
    # large enough for all threads; in this process twice, and once in a new one
    args = "'onednn', 16, 48, 20"
    script = f"from test_conv import training; print(training({args})[1].tobytes().hex())"
    here = os.path.dirname(os.path.abspath(__file__))
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join([here, os.path.dirname(here)]))
    command = [sys.executable, "-c", script]
    other = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    first, second = (training("onednn", 16, 48, 20)[1].tobytes() for _ in range(2))
    assert first == second
    assert first.hex() == other.stdout.decode().split()[-1]


@pytest.mark.slow
def test_agrees_with_float64_on_older_processors():
    env = dict(os.environ, ONEDNN_MAX_CPU_ISA="AVX2")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__]
    command += ["-k", "(float64 and onednn) or skips"]
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, universal_newlines=True)
    assert done.returncode == 0, done.stdout
