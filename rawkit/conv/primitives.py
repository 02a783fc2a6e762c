"""A list of oneDNN primitives, and the buffers that they read and write.

A buffer is a number here: it gets its place in memory when the list is complete.
"""

import ctypes
from collections import namedtuple

from . import library as dnnl
from .library import dims

# A convolution's parameters as buffers (bias: None if it has none), and the weights'
# shape as oneDNN counts it.
Parameters = namedtuple("Parameters", "weight shape bias")


class Primitives:
    """Made one after the other, executed in that order.

    Attributes
    ----------
    descs : list
        Each buffer's memory description.
    steps : list of (primitive, {what for: buffer}, name of the layer)
    layer : str
        The name of the layer whose primitives are made.
    """

    def __init__(self, library):
        self.dnn, self.layer = library, "input"
        self.descs, self.steps, self._keep = [], [], []
        self._plain = self._attributes()

    def buffer(self, desc):
        self.descs.append(desc)
        return len(self.descs) - 1

    def dense(self, shape, swap=False):
        """A buffer in NumPy's order."""
        return self.buffer(self.dnn.dense(shape, swap))

    def like(self, buffer):
        return self.buffer(self.descs[buffer])

    def _attributes(self, slope=None):
        attr = self.dnn.make("primitive_attr")
        self.dnn.call("primitive_attr_set_scratchpad_mode", attr, 1)  # memory is ours
        if slope is not None:
            ops, zero = self.dnn.make("post_ops"), ctypes.c_float(0)
            slope = ctypes.c_float(slope)
            self.dnn.call("post_ops_append_eltwise", ops, dnnl.RELU, slope, zero)
            self.dnn.call("primitive_attr_set_post_ops", attr, ops)
        return attr

    def _describe(self, name, *args):
        args = (self.dnn.engine,) + args
        return self.dnn.make("primitive_desc", *args, by=name + "_primitive_desc_create")

    def _step(self, desc, args):
        scratchpad = self.dnn.query(desc, dnnl.QUERY_SCRATCHPAD)
        if self.dnn.size(scratchpad):
            args[dnnl.SCRATCHPAD] = self.buffer(scratchpad)
        self._keep.append(desc)  # owns the descriptions that were queried
        self.steps.append((self.dnn.make("primitive", desc), args, self.layer))

    def reorder(self, source, target):
        """Copy into another layout; returns `target`."""
        engine, descs = self.dnn.engine, (self.descs[source], self.descs[target])
        args = (descs[0], engine, descs[1], engine, self._plain)
        desc = self.dnn.make("primitive_desc", *args, by="reorder_primitive_desc_create")
        self._step(desc, {dnnl.SRC: source, dnnl.DST: target})
        return target

    def add(self, a, b, out, slope=None):
        """out = a + b, through a leaky ReLU if there is a slope; returns `out`."""
        descs = [self.descs[buffer] for buffer in (a, b, out)]
        desc = self._describe("binary", dnnl.BINARY_ADD, *descs, self._attributes(slope))
        self._step(desc, {dnnl.SRC: a, dnnl.SRC_1: b, dnnl.DST: out})
        return out

    def act_backward(self, slope, y, grad, out):
        """The gradient before a leaky ReLU, from its output `y`; returns `out`."""
        floats = (ctypes.c_float(slope), ctypes.c_float(0))
        descs = [self.descs[buffer] for buffer in (out, grad, y)]
        args = (dnnl.FORWARD_TRAINING, dnnl.RELU_FROM_OUTPUT, self.descs[y], self.descs[y])
        hint = self._describe("eltwise_forward", *(args + floats + (self._plain,)))
        args = (dnnl.RELU_FROM_OUTPUT, *descs, *floats, hint, self._plain)
        desc = self._describe("eltwise_backward", *args)
        self._step(desc, {dnnl.DST: y, dnnl.DIFF_DST: grad, dnnl.DIFF_SRC: out})
        return out

    def _conv(self, direction, node, params, src, dst, *rest):
        """Describe one of a convolution's three primitives; weights in any layout."""
        kind = "deconvolution_" if node.transposed else "convolution_"
        algorithm = dnnl.DECONVOLUTION_DIRECT if node.transposed else dnnl.DIRECT
        weights = self.dnn.laid_out(params.shape, dnnl.ANY)
        bias = None if params.bias is None else self.descs[params.bias]
        src, dst = self.descs[src], self.descs[dst]
        descs = (src, weights, dst) if direction == "backward_data" else (src, weights, bias, dst)
        prop, rest = (rest[:1], rest[1:]) if direction == "forward" else ((), rest)
        dilates = [d - 1 for d in node.dilation]
        geometry = [dims(v) for v in (node.stride, dilates, node.padding, node.padding)]
        return self._describe(kind + direction, *prop, algorithm, *descs, *geometry, *rest)

    def _weights(self, params, desc):
        """The weights in the layout that the primitive wants."""
        wanted = self.dnn.query(desc, dnnl.QUERY_WEIGHTS)
        if self.dnn.same(self.descs[params.weight], wanted):
            return params.weight
        return self.reorder(params.weight, self.buffer(wanted))

    def conv(self, node, params, src, out, prop):
        """out = convolution of `src`; returns the hint that its gradients need."""
        desc = self._conv("forward", node, params, src, out, prop, self._attributes(node.slope))
        args = {dnnl.SRC: src, dnnl.DST: out, dnnl.WEIGHTS: self._weights(params, desc)}
        if params.bias is not None:
            args[dnnl.BIAS] = params.bias
        self._step(desc, args)
        return desc

    def conv_backward_data(self, node, params, src, grad, hint):
        """The gradient of a convolution's input; returns its buffer."""
        desc = self._conv("backward_data", node, params, src, grad, hint, self._plain)
        out, weights = self.like(src), self._weights(params, desc)
        self._step(desc, {dnnl.DIFF_SRC: out, dnnl.DIFF_DST: grad, dnnl.WEIGHTS: weights})
        return out

    def conv_backward_weights(self, node, params, src, grad, hint):
        """The gradients of a convolution's weights and, or None, bias; returns their buffers."""
        desc = self._conv("backward_weights", node, params, src, grad, hint, self._plain)
        plain = self.like(params.weight)
        wanted = self.dnn.query(desc, dnnl.QUERY_DIFF_WEIGHTS)
        same = self.dnn.same(self.descs[plain], wanted)
        found = plain if same else self.buffer(wanted)
        args = {dnnl.SRC: src, dnnl.DIFF_DST: grad, dnnl.DIFF_WEIGHTS: found}
        bias = None if params.bias is None else self.like(params.bias)
        if bias is not None:
            args[dnnl.DIFF_BIAS] = bias
        self._step(desc, args)
        if not same:
            self.reorder(found, plain)
        return plain, bias
