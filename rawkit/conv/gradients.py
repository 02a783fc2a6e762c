"""Gradients without oneDNN: a graph's, and a depthwise filter's.

The first are for the one backward pass in which oneDNN fails.  By then MegEngine has
recorded no operators to differentiate, and inside a backward pass it records none.
"""

import megengine
import megengine.functional as F
import numpy as np

from .graph import Act, Add


def slow_gradients(graph, x, params, dy):
    """Gradients of a graph's input and parameters.

    Parameters
    ----------
    graph : tuple of nodes
    x, dy : ndarray, shape (N, C, H, W), float32
        Input, and gradient of the output.
    params : list of ndarray

    Returns
    -------
    dx : ndarray
    grads : list of ndarray, one a parameter
    """
    values = _values(graph, x, params)
    grads = [np.zeros_like(value) for value in values]
    found = [np.zeros_like(param) for param in params]
    grads[-1] += dy
    for value in range(len(graph), 0, -1):
        node, grad = graph[value - 1], grads[value]
        if node.slope is not None:
            grad = grad * np.where(values[value] > 0, np.float32(1), np.float32(node.slope))
        if isinstance(node, Add):
            grads[node.a] += grad
            grads[node.b] += grad
        elif isinstance(node, Act):
            grads[node.source] += grad
        else:
            dx, dw = _conv_gradients(node, params[node.weight], values[node.source], grad)
            grads[node.source] += dx
            found[node.weight] += dw
            if node.bias is not None:
                found[node.bias] += grad.sum((0, 2, 3)).reshape(1, -1, 1, 1)
    return grads[0], found


def _values(graph, x, params):
    """Every value of the graph, by MegEngine's operators."""
    values = [megengine.Tensor(x)]
    params = [megengine.Tensor(param) for param in params]
    for node in graph:
        if isinstance(node, Add):
            y = values[node.a] + values[node.b]
        elif isinstance(node, Act):
            y = values[node.source]
        else:
            conv = F.conv_transpose2d if node.transposed else F.conv2d
            y = conv(
                values[node.source],
                params[node.weight],
                None if node.bias is None else params[node.bias],
                stride=node.stride,
                padding=node.padding,
                dilation=node.dilation,
                groups=node.groups,
            )
        if node.slope is not None:
            y = F.maximum(y, 0) + node.slope * F.minimum(y, 0)
        values.append(y)
    return [value.numpy() for value in values]


def _taps(node, kernel, tall, wide):
    """Each kernel element, and what of a padded input it meets in an output of that size."""
    sy, sx = node.stride
    for i, j in np.ndindex(*kernel):
        top, left = i * node.dilation[0], j * node.dilation[1]
        rows = slice(top, top + (tall - 1) * sy + 1, sy)
        yield i, j, rows, slice(left, left + (wide - 1) * sx + 1, sx)


def _conv_gradients(node, w, x, dy):
    """Gradients of one convolution's input and weights, one kernel element at a time."""
    # a transposed convolution is another one's gradient: input and output change places
    large, small = (dy, x) if node.transposed else (x, dy)
    (py, px), (tall, wide) = node.padding, small.shape[2:]
    large = np.pad(large, ((0, 0), (0, 0), (py, py), (px, px)))
    n, _, height, width = large.shape
    large = large.reshape(n, node.groups, -1, height, width)
    small = small.reshape(n, node.groups, -1, tall, wide)
    taps = w.reshape((node.groups,) + w.shape[-4:])
    dx, dw = np.zeros_like(small if node.transposed else large), np.zeros_like(taps)
    for i, j, rows, columns in _taps(node, w.shape[-2:], tall, wide):
        part, tap = large[..., rows, columns], taps[..., i, j]
        dw[..., i, j] = np.einsum("ngohw,ngihw->goi", small, part, optimize=True)
        if node.transposed:
            dx += np.einsum("ngihw,goi->ngohw", part, tap, optimize=True)
        else:
            dx[..., rows, columns] += np.einsum("ngohw,goi->ngihw", small, tap, optimize=True)
    if not node.transposed:
        dx = dx[..., py : height - py, px : width - px]
    return dx.reshape(x.shape), dw.reshape(w.shape)


def is_depthwise(node, shape):
    """Whether a convolution has one channel a group; `shape` is that of its weights."""
    return not node.transposed and len(shape) == 5 and shape[1] == shape[2] == 1


def depthwise_weights_gradient(node, kernel, x, dy):
    """The gradient of a depthwise convolution's weights, one kernel element at a time.

    Parameters
    ----------
    node : Conv
    kernel : (height, width)
    x, dy : ndarray, shape (N, C, H, W), float32
        Input, and gradient of the output.

    Returns
    -------
    ndarray, shape (C, 1, 1, height, width)
    """
    py, px = node.padding
    x = np.pad(x, ((0, 0), (0, 0), (py, py), (px, px)))
    dw = np.empty((x.shape[1], 1, 1, *kernel), np.float32)
    for i, j, rows, columns in _taps(node, kernel, *dy.shape[2:]):
        # the batch on its own: sums of fewer numbers round less, and it is twice as fast
        dw[:, 0, 0, i, j] = np.einsum("nchw,nchw->nc", x[:, :, rows, columns], dy).sum(0)
    return dw


def depthwise_data_gradient(node, w, shape, dy):
    """The gradient of a depthwise convolution's input, of the shape given.

    Parameters
    ----------
    node : Conv
    w : ndarray, shape (C, 1, 1, kernel height, kernel width), float32
    shape : (N, C, H, W)
    dy : ndarray, shape (N, C, H', W'), float32
        Gradient of the output.

    Returns
    -------
    ndarray, shape (N, C, H, W)
    """
    (py, px), (n, channels, height, width) = node.padding, shape
    dx = np.zeros((n, channels, height + 2 * py, width + 2 * px), np.float32)
    for i, j, rows, columns in _taps(node, w.shape[-2:], *dy.shape[2:]):
        dx[:, :, rows, columns] += dy * w[:, 0, :, i, j, None]
    return dx[:, :, py : py + height, px : px + width]
