"""What the tests of rawkit.conv share: gradients found, and expected in float64."""

import os

import megengine as mge
import megengine.module as M
import numpy as np
import pytest
from megengine.autodiff import GradManager

from rawkit import conv
from rawkit.conv import Conv2d, ConvTranspose2d, LeakyReLU, ReLU, fused

TOLERANCE = 1e-5  # largest difference over largest value


def use(path):
    """Compute so from now on; the fixture `auto_path` puts it back."""
    os.environ["RAWKIT_CONV"] = path
    if conv.conv_path().name != path:
        pytest.skip(f"this machine's path is {conv.conv_path()}")


def difference(found, expected):
    assert found.shape == expected.shape
    return np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-30)


def gradients(net, x, dy, run=fused):
    """Output, input's gradient and the parameters' gradients, by name.

    MegEngine 1.13's own operators give garbage for a bias now and then (one network in
    some hundreds): of them, what comes out twice alike is taken.
    """
    found = _gradients(net, x, dy, run)
    while conv.conv_path().name == "native":
        again = _gradients(net, x, dy, run)
        if all(np.allclose(again[name], found[name]) for name in found):
            break
        found = again
    return found


def _gradients(net, x, dy, run):
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


def assert_close(found, expected):
    """Every gradient of `expected`, within the tolerance."""
    assert sorted(found) == sorted(expected)
    for name in expected:
        assert difference(found[name], expected[name]) < TOLERANCE, name


def random(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def as_modules(x, net):
    """Layer by layer, where `fused` computes a network as one step."""
    return net(x)


def assert_native_agrees(net, x, dy, run=fused):
    """oneDNN's gradients, as one step and layer by layer, are those of MegEngine."""
    use("native")
    expected = gradients(net, x, dy, run)
    use("onednn")
    for run in (fused, as_modules):
        assert_close(gradients(net, x, dy, run), expected)


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


class Skips(M.Module):
    """Everything at once: depthwise, 1x1, down, up, additions, one layer used twice."""

    def __init__(self, channels=16):
        super().__init__()
        self.entry = Conv2d(5, channels, 3, padding=1)
        self.wide = Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
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
        return self.exit(self._block(both) + up)
