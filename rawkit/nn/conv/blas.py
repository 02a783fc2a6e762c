"""Convolution graphs on NumPy's matrix product: slower than oneDNN, needs nothing.

Arrays are (N, H, W, C) inside.  A convolution is the product of a matrix of
patches with the weights, a few image rows at a time, so that the matrix stays
in the cache.  Depthwise convolutions add one product per kernel element.
"""

import numpy as np

from .graph import Act, Add

CHUNK = 1 << 18  # floats of a patch matrix at a time


def _patches(x, kernel, stride, dilation, size):
    """(N, H, W, C) -> view (N, h, w, kh, kw, C) of the patches under each output pixel."""
    n, rows, columns, channels = x.strides
    strides = (n, rows * stride[0], columns * stride[1])
    strides += (rows * dilation[0], columns * dilation[1], channels)
    shape = (len(x),) + tuple(size) + tuple(kernel) + x.shape[3:]
    return np.lib.stride_tricks.as_strided(x, shape, strides, writeable=False)


class _Dense:
    """A convolution's three products; `w` is (O, I, kh, kw), `x` padded."""

    def __init__(self, node, w):
        self.node, self.kernel = node, w.shape[2:]
        self.w = w.transpose(2, 3, 1, 0).reshape(-1, len(w))

    def _chunks(self, x, size):
        patches = _patches(x, self.kernel, self.node.stride, self.node.dilation, size)
        step = max(1, CHUNK // (patches[0, 0].size * len(patches)))
        for top in range(0, size[0], step):
            part = patches[:, top : top + step]
            yield slice(top, top + step), part.reshape(-1, len(self.w))

    def correlate(self, x, size):
        y = np.empty((len(x),) + tuple(size) + self.w.shape[1:], np.float32)
        for rows, matrix in self._chunks(x, size):
            y[:, rows] = (matrix @ self.w).reshape(y[:, rows].shape)
        return y

    def spread(self, y, x):
        """Add the adjoint of `correlate` to `x`."""
        parts = (y.reshape(-1, y.shape[3]) @ self.w.T).reshape(y.shape[:3] + self.kernel + (-1,))
        for i, j, window in _taps(x, self.node, self.kernel, y.shape[1:3]):
            window += parts[:, :, :, i, j]

    def weight_grad(self, x, y):
        grad = 0
        for rows, matrix in self._chunks(x, y.shape[1:3]):
            grad = grad + matrix.T @ y[:, rows].reshape(-1, y.shape[3])
        return grad.reshape(self.kernel + (-1, y.shape[3])).transpose(3, 2, 0, 1)


class _Depthwise:
    """The same three for one channel a group; `w` is (C, 1, 1, kh, kw)."""

    def __init__(self, node, w):
        self.node, self.w, self.kernel = node, w[:, 0, 0].transpose(1, 2, 0), w.shape[3:]

    def correlate(self, x, size):
        taps = _taps(x, self.node, self.kernel, size)
        return sum(window * self.w[i, j] for i, j, window in taps)

    def spread(self, y, x):
        for i, j, window in _taps(x, self.node, self.kernel, y.shape[1:3]):
            window += y * self.w[i, j]

    def weight_grad(self, x, y):
        grad = np.empty_like(self.w)
        for i, j, window in _taps(x, self.node, self.kernel, y.shape[1:3]):
            grad[i, j] = np.einsum("nhwc,nhwc->c", window, y)
        return grad.transpose(2, 0, 1)[:, None, None]


class _Grouped:
    """The same three, group by group; `w` is (G, O/G, I/G, kh, kw)."""

    def __init__(self, node, w):
        self.parts = [_Dense(node, part) for part in w]

    def _split(self, *arrays):
        return zip(self.parts, *(np.split(a, len(self.parts), axis=3) for a in arrays))

    def correlate(self, x, size):
        return np.concatenate([part.correlate(x, size) for part, x in self._split(x)], axis=3)

    def spread(self, y, x):
        for part, y_part, x_part in self._split(y, x):
            part.spread(y_part, x_part)

    def weight_grad(self, x, y):
        return np.stack([part.weight_grad(x, y) for part, x, y in self._split(x, y)])


def _taps(x, node, kernel, size):
    """The part of `x` under each kernel element, as views."""
    (sy, sx), (dy, dx), (height, width) = node.stride, node.dilation, size
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            top, left = i * dy, j * dx
            bottom, right = top + (height - 1) * sy + 1, left + (width - 1) * sx + 1
            yield i, j, x[:, top:bottom:sy, left:right:sx]


def _pad(x, node):
    (py, px), pads = node.padding, ((0, 0),)
    return np.pad(x, pads + ((py, py), (px, px)) + pads) if py or px else x


def _adjoint(product, y, node, size, channels):
    (py, px), (height, width) = node.padding, size
    x = np.zeros((len(y), height + 2 * py, width + 2 * px, channels), np.float32)
    product.spread(y, x)
    return x[:, py : py + height, px : px + width]


class Plan:
    """What oneDNN's `Plan` is, for NumPy; there is nothing to prepare."""

    def __init__(self, graph, shapes, params, needs):
        self.graph, self.shapes, self.needs = graph, shapes, needs
        self.arena_size = 0

    def drop(self):
        pass

    def workspace(self):
        return Workspace(self)


class Workspace:
    """The values of one run."""

    def __init__(self, plan):
        self.plan = plan

    def _product(self, node):
        w = self.params[node.weight]
        if node.groups == 1:
            return _Dense(node, w)
        return _Depthwise(node, w) if w.shape[1:3] == (1, 1) else _Grouped(node, w)

    def forward(self, x, params):
        self.params = params
        self.values = [np.ascontiguousarray(x.transpose(0, 2, 3, 1))]
        for node, shape in zip(self.plan.graph, self.plan.shapes[1:]):
            self.values.append(self._forward(node, shape))
        y = self.values[-1].transpose(0, 3, 1, 2)
        return np.ascontiguousarray(y)

    def _forward(self, node, shape):
        if isinstance(node, Add):
            y = self.values[node.a] + self.values[node.b]
        elif isinstance(node, Act):
            y = self.values[node.source].copy()
        else:
            x, product = self.values[node.source], self._product(node)
            if node.transposed:
                y = _adjoint(product, x, node, shape[2:], shape[1])
            else:
                y = product.correlate(_pad(x, node), shape[2:])
            if node.bias is not None:
                y += self.params[node.bias].ravel()
        if node.slope is not None:
            y = np.maximum(y, node.slope * y) if node.slope <= 1 else np.minimum(y, node.slope * y)
        return y

    def backward(self, dy):
        needs, grads = self.plan.needs, [None] * len(self.params)
        values = {len(self.plan.graph): dy.transpose(0, 2, 3, 1)}

        def give(known, place, grad):
            known[place] = grad if known.get(place) is None else known[place] + grad

        found = {}
        for value in range(len(self.plan.graph), 0, -1):
            node, grad = self.plan.graph[value - 1], values.pop(value, None)
            if grad is None:
                continue
            if node.slope is not None:
                grad = grad * np.where(
                    self.values[value] > 0, np.float32(1), np.float32(node.slope)
                )
            if isinstance(node, Add):
                give(values, node.a, grad)
                give(values, node.b, grad)
            elif isinstance(node, Act):
                give(values, node.source, grad)
            else:
                x, product, grad = self.values[node.source], self._product(node), _dense(grad)
                small, large = (x, _pad(grad, node)) if node.transposed else (grad, _pad(x, node))
                if needs[1 + node.weight]:
                    give(found, node.weight, product.weight_grad(large, small))
                if node.bias is not None:
                    give(found, node.bias, grad.sum((0, 1, 2)).reshape(1, -1, 1, 1))
                if node.source or needs[0]:
                    if node.transposed:
                        back = product.correlate(large, x.shape[1:3])
                    else:
                        back = _adjoint(product, grad, node, x.shape[1:3], x.shape[3])
                    give(values, node.source, back)
        for place, grad in found.items():
            grads[place] = _dense(grad)
        return (_dense(values[0].transpose(0, 3, 1, 2)) if needs[0] else None), grads

    def release(self):
        self.values = None


_dense = np.ascontiguousarray
