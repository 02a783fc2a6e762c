"""A recorded graph made ready for oneDNN: which primitives, in which layout, in what memory.

Activations stay in oneDNN's own layout from the first layer to the last, and
activation functions are part of the convolution that they follow.
"""

import numpy as np

from . import library as dnnl
from .graph import Add, Conv
from .primitives import Parameters, Primitives
from .workspace import place

SMALL = 300000  # multiply-adds of a layer that one thread computes sooner than two


class Plan:
    """A graph made ready for one input shape.

    Parameters
    ----------
    graph : tuple of nodes
    shapes : sequence of (N, C, H, W), of every value
    params : sequence of shapes of the parameters
    needs_input : bool or None
        Whether the input wants a gradient, as the parameters do.  None: inference,
        nothing is kept.

    Raises
    ------
    OneDNNError
        If oneDNN has no implementation, or fails: names the layer.
    """

    def __init__(self, graph, shapes, params, needs_input):
        self.dnn, _ = dnnl.load_library()
        # waking a second thread takes longer than a small layer, and much longer where
        # another process has the core
        work = sum(_multiplications(n, y, params) for n, y in zip(graph, shapes[1:]))
        self.threads = self.dnn.cores if work > SMALL * len(graph) else 1
        self.graph, self.needs_input = graph, needs_input
        self.shapes, self.param_shapes = shapes, params
        self.padded, self.params = list(params), [None] * len(params)
        self.dy, self.dx, self.dparams = None, None, [None] * len(params)
        training = needs_input is not None
        layout, block = _layout(self.dnn, graph, shapes, training)
        self.list = Primitives(self.dnn)
        try:
            with self.dnn.threads(self.threads):
                self._forward([_pad(shape, (1,), block) for shape in shapes], layout, block)
                if training:
                    self._backward()
        except dnnl.OneDNNError as error:
            raise error.of(self.list.layer) from None
        self.offsets, self.arena_size = place(*self._lifetimes())

    def _take_parameters(self, node, block):
        """Buffers for a convolution's parameters, in NumPy's order."""
        w, b = node.weight, node.bias
        shape = self.padded[w] = _pad(self.padded[w], (0,) if node.groups > 1 else (0, 1), block)
        self.params[w] = self.list.dense(shape, node.transposed)
        if b is not None:
            self.padded[b] = _pad(self.padded[b], (1,), block)
            self.params[b] = self.list.dense(self.padded[b][1:2])
        shape = dnnl.swap_channels(list(shape)) if node.transposed else shape
        return Parameters(self.params[w], shape, None if b is None else self.params[b])

    def _forward(self, shapes, layout, block):
        steps, self.x_shape, self.y_shape = self.list, shapes[0], shapes[-1]
        prop = dnnl.FORWARD_INFERENCE if self.needs_input is None else dnnl.FORWARD_TRAINING
        self.x = steps.dense(self.x_shape)
        values = self.values = [steps.buffer(self.dnn.laid_out(s, layout)) for s in shapes]
        steps.reorder(self.x, values[0])
        self.layers, self.hints = {}, {}  # by node
        for node, out in zip(self.graph, values[1:]):
            steps.layer = self._name(node)
            if isinstance(node, Add):
                steps.add(values[node.a], values[node.b], out, node.slope)
            else:
                layer = self.layers[node] = self._take_parameters(node, block)
                self.hints[node] = steps.conv(node, layer, values[node.source], out, prop)
        self.y = steps.reorder(values[-1], steps.dense(self.y_shape))
        self.forward_steps = len(steps.steps)

    def _name(self, node):
        """What to call a layer in an error."""
        if not isinstance(node, Conv):
            return "an addition"
        kind = "ConvTranspose2d" if node.transposed else "Conv2d"
        return f"the {kind} with weights of shape {self.param_shapes[node.weight]}"

    def _backward(self):
        steps = self.list
        self.dy = steps.dense(self.y_shape)
        top = steps.reorder(self.dy, steps.like(self.values[-1]))
        grads, shared = {len(self.graph): top}, set()

        def give(value, grad):
            if value or self.needs_input:
                known = grads.get(value)
                grads[value] = grad if known is None else steps.add(known, grad, steps.like(grad))

        for value in range(len(self.graph), 0, -1):
            node, grad = self.graph[value - 1], grads.pop(value, None)
            if grad is None:
                continue
            steps.layer = self._name(node)
            if node.slope is not None:
                out = steps.like(grad) if grad in shared else grad
                grad = steps.act_backward(node.slope, self.values[value], grad, out)
            if isinstance(node, Add):
                shared.add(grad)
                give(node.a, grad)
                give(node.b, grad)
            else:
                args = (node, self.layers[node], self.values[node.source], grad, self.hints[node])
                self.dparams[node.weight], bias = steps.conv_backward_weights(*args)
                if bias is not None:
                    self.dparams[node.bias] = bias
                if node.source or self.needs_input:
                    give(node.source, steps.conv_backward_data(*args))
        if self.needs_input:
            self.dx = steps.reorder(grads[0], steps.like(self.x))

    def _lifetimes(self):
        """Each buffer's size, and the first and last step that uses it."""
        first, last, steps = {}, {}, self.list.steps
        for time, (_, args, _) in enumerate(steps):
            for buffer in args.values():
                first.setdefault(buffer, time)
                last[buffer] = time
        for buffer in self.params:  # written before the first step, read at any time
            first[buffer], last[buffer] = -1, len(steps)
        first[self.x] = -1
        last[self.y] = max(last[self.y], self.forward_steps)
        if self.dy is not None:
            first[self.dy] = self.forward_steps
        for buffer in [self.dx] + self.dparams:
            if buffer is not None:
                last[buffer] = len(steps)
        sizes = {buffer: self.dnn.size(self.list.descs[buffer]) for buffer in first}
        return sizes, first, last


def _layout(library, graph, shapes, training):
    """The layout in which this machine's instruction set computes fastest.

    Returns
    -------
    layout : int
    block : int
        Channels are padded with zeros to a multiple of this.
    """
    for node, out in zip(graph, shapes[1:]):
        # With one channel a group in and out, zeros are groups more.  Elsewhere they
        # would have to go between the groups.
        groups = getattr(node, "groups", 1)
        if groups > 1 and not groups == shapes[node.source][1] == out[1]:
            return dnnl.NHWC, 1
    layout, block = (dnnl.NCHW16C, 16) if library.avx512 else (dnnl.NCHW8C, 8)
    whole = all(shape[1] % block == 0 for shape in shapes[1:-1])
    # the filters' gradients are faster in blocks, transposed layers much slower
    return (layout, block) if whole and training else (dnnl.NHWC, 1)


def _multiplications(node, shape, params):
    """Multiply-adds of one node whose value has this shape."""
    if not isinstance(node, Conv):
        return 0
    weights, pixels = int(np.prod(params[node.weight])), shape[0] * shape[2] * shape[3]
    return weights * pixels // (int(np.prod(node.stride)) if node.transposed else 1)


def _pad(shape, axes, block):
    return tuple(-(-n // block) * block if i in axes else n for i, n in enumerate(shape))
