"""Convolution graphs on oneDNN, called by ctypes.

A `Plan` turns a recorded graph (`graph.py`) into a list of oneDNN primitives
that work on one arena of memory.  Activations stay in oneDNN's own layout from
the first layer to the last, activation functions are part of the convolution
that they follow, and the buffers' places in the arena are worked out once.

The numbers below are oneDNN 3.2's enumerations (dnnl_types.h); the version is
checked when the library is loaded, as other versions number them differently.
"""

import ctypes
import os
import sys
from pathlib import Path

import numpy as np

from .graph import Act, Add
from .threads import quiet_openmp, usable_cores, use_threads

F32 = 3
ANY, NHWC, NCHW8C, NCHW16C = 1, 22, 102, 78  # layouts
FORWARD_TRAINING, FORWARD_INFERENCE, DIRECT, DECONVOLUTION_DIRECT = 64, 96, 1, 10
RELU, RELU_FROM_OUTPUT, BINARY_ADD = 32, 256, 131056
SRC, SRC_1, DST, WEIGHTS, BIAS, SCRATCHPAD = 1, 2, 17, 33, 41, 80
DIFF_SRC, DIFF_DST, DIFF_WEIGHTS, DIFF_BIAS = 129, 145, 161, 169
QUERY_WEIGHTS, QUERY_DIFF_WEIGHTS, QUERY_SCRATCHPAD = 131, 132, 136
ISA_AVX512 = 39
SMALL = 300000  # multiply-adds of a layer that one thread computes sooner than two
STATUS = {1: "out of memory", 2: "invalid arguments", 3: "unimplemented", 5: "runtime error"}


class _Argument(ctypes.Structure):
    _fields_ = [("kind", ctypes.c_int), ("memory", ctypes.c_void_p)]


class _Handle(ctypes.c_void_p):
    """An object of the library, destroyed with the Python object."""

    destroy = None

    def __del__(self):
        if self.destroy is not None and self.value:
            self.destroy(self)


class _Library:
    """The functions, the one engine, and the instruction set in use."""

    def __init__(self):
        # the wheel puts the library beside Python's own
        places = [Path(sys.prefix), Path(np.__file__).resolve().parents[4]]
        names = [str(place / "lib" / "libdnnl.so.3") for place in places]
        found = [name for name in names if os.path.exists(name)] + ["libdnnl.so.3"]
        with quiet_openmp():
            self.lib = ctypes.CDLL(found[0])
        self.lib.dnnl_version.restype = ctypes.POINTER(ctypes.c_int * 3)
        version = tuple(self.lib.dnnl_version().contents)
        if version[:2] != (3, 2):
            raise OSError("found oneDNN %d.%d.%d, expected 3.2" % version)
        self.lib.dnnl_memory_desc_get_size.restype = ctypes.c_size_t
        self.lib.dnnl_primitive_desc_query_md.restype = ctypes.c_void_p
        self.call("set_primitive_cache_capacity", 512)
        self.engine = self.make("engine", 1, ctypes.c_size_t(0))
        isa = self.lib.dnnl_get_effective_cpu_isa()
        self.avx512 = isa & ISA_AVX512 == ISA_AVX512
        self.about = version[:2] + ("AVX-512" if self.avx512 else "AVX2",)

    def call(self, name, *args):
        status = getattr(self.lib, "dnnl_" + name)(*args)
        if status:
            raise RuntimeError("oneDNN: %s: %s" % (name, STATUS.get(status, status)))

    def make(self, kind, *args, **names):
        handle = _Handle()
        self.call(names.get("by", kind + "_create"), ctypes.byref(handle), *args)
        handle.destroy = getattr(self.lib, "dnnl_%s_destroy" % kind)
        return handle

    def query(self, desc, what):
        return ctypes.c_void_p(self.lib.dnnl_primitive_desc_query_md(desc, what, 0))

    def dense(self, shape, swap=False):
        """Describe NumPy's order; `swap`: the two axes before the kernel's change places."""
        strides = [int(np.prod(shape[i + 1 :])) for i in range(len(shape))]
        if swap:
            shape, strides = [v[:-4] + [v[-3], v[-4]] + v[-2:] for v in (list(shape), strides)]
        args = (len(shape), _dims(shape), F32, _dims(strides))
        return self.make("memory_desc", *args, by="memory_desc_create_with_strides")

    def laid_out(self, shape, layout):
        args = (len(shape), _dims(shape), F32, layout)
        return self.make("memory_desc", *args, by="memory_desc_create_with_tag")


_library = None


def library():
    """oneDNN, loaded at the first call; OSError says why it cannot be."""
    global _library
    if _library is None:
        _library = _Library()
    return _library


def _dims(values):
    return (ctypes.c_int64 * 12)(*values)


def _layout(graph, shapes, training):
    """The layout in which this machine's instruction set computes fastest.

    Returns
    -------
    layout : int
    block : int
        Channels are padded with zeros to a multiple of this.
    """
    grouped = [node for node in graph if getattr(node, "groups", 1) > 1]
    if any(not _depthwise(node, shapes) for node in grouped):
        return NHWC, 1  # zeros would have to go between the groups
    avx512 = library().avx512
    layout, block = (NCHW16C, 16) if avx512 else (NCHW8C, 8)
    whole = all(shape[1] % block == 0 for shape in shapes[1:-1])
    # without AVX-512 only the filters' gradients are faster in blocks
    return (layout, block) if whole and (avx512 or training) else (NHWC, 1)


def _depthwise(node, shapes):
    return shapes[node.source][1] == node.groups


def _multiplications(node, shape, params):
    """Multiply-adds of one node whose value has this shape."""
    if not hasattr(node, "weight"):
        return 0
    weights, pixels = int(np.prod(params[node.weight])), shape[0] * shape[2] * shape[3]
    return weights * pixels // (int(np.prod(node.stride)) if node.transposed else 1)


def _pad(shape, axes, block):
    return tuple(-(-n // block) * block if i in axes else n for i, n in enumerate(shape))


class Plan:
    """A graph made ready for one input shape.

    Parameters
    ----------
    graph : tuple of nodes
    shapes : list of (N, C, H, W), of every value
    params : list of shapes of the parameters
    needs : tuple of bool, or None
        Whether the input and then each parameter want a gradient.  None:
        inference, nothing is kept.

    Raises
    ------
    RuntimeError
        If oneDNN has no implementation.
    """

    def __init__(self, graph, shapes, params, needs):
        self.dnn = library()
        # waking a second thread takes longer than a small layer, and much longer where
        # another process has the core
        work = sum(_multiplications(n, y, params) for n, y in zip(graph, shapes[1:]))
        self.threads = usable_cores() if work > SMALL * len(graph) else 1
        use_threads(self.threads)
        self.steps, self.descs, self.sizes, self.keep = [], [], [], []
        self.idle, self.kept = [], True  # workspaces that nobody uses; whether to keep any
        self.attr = self._attr()
        self.layout, block = _layout(graph, shapes, needs is not None)
        self.shapes, self.param_shapes = shapes, [tuple(shape) for shape in params]
        # the shapes in memory: channels padded, a bias with the axes that NumPy can copy to
        shapes = [_pad(shape, (1,), block) for shape in shapes]
        self.padded = [_pad(shape, (0, 1), block) for shape in self.param_shapes]
        self.params = [None] * len(params)
        for node in graph:
            if hasattr(node, "weight") and self.params[node.weight] is None:
                if node.groups > 1:
                    self.padded[node.weight] = _pad(params[node.weight], (0,), block)
                desc = self.dnn.dense(self.padded[node.weight], node.transposed)
                self.params[node.weight] = self._buffer(desc)
            if hasattr(node, "bias") and node.bias is not None:
                self.padded[node.bias] = _pad(params[node.bias], (1,), block)
                desc = self.dnn.dense(self.padded[node.bias][1:2])
                self.params[node.bias] = self._buffer(desc)
        self.x_shape, self.y_shape = shapes[0], shapes[-1]
        self.x = self._buffer(self.dnn.dense(shapes[0]))
        self.values = [self._buffer(self.dnn.laid_out(s, self.layout)) for s in shapes]
        self._reorder(self.x, self.values[0])
        prop = FORWARD_INFERENCE if needs is None else FORWARD_TRAINING
        hints = [self._forward(i + 1, node, prop) for i, node in enumerate(graph)]
        self.y = self._reorder(self.values[-1], self._buffer(self.dnn.dense(self.y_shape)))
        self.forward_steps = len(self.steps)
        self.dy, self.dx, self.dparams = None, None, []
        if needs is not None:
            self._backward(graph, hints, needs)
        self._place()

    # buffers

    def _buffer(self, desc):
        self.descs.append(desc)
        self.sizes.append(self.dnn.lib.dnnl_memory_desc_get_size(desc))
        return len(self.descs) - 1

    def _like(self, buffer):
        return self._buffer(self.descs[buffer])

    def _place(self):
        """Give each buffer an offset, so that no two in use at a time overlap."""
        first, last = {}, {}
        for time, (_, args) in enumerate(self.steps):
            for buffer in args.values():
                first.setdefault(buffer, time)
                last[buffer] = time
        end = len(self.steps)
        for buffer in self.params:  # written before the first step, read at any time
            first[buffer], last[buffer] = -1, end
        first[self.x] = -1
        last[self.y] = max(last[self.y], self.forward_steps)
        if self.dy is not None:
            first[self.dy] = self.forward_steps
        for buffer in [self.dx] + [b for _, b in self.dparams]:
            if buffer is not None:
                last[buffer] = end
        self.offsets, placed = {}, []
        for buffer in sorted(first, key=lambda b: -self.sizes[b]):
            offset, size = 0, self.sizes[buffer] + 63 & ~63
            for low, high, begin, finish in placed:  # in the order of `low`
                if begin <= last[buffer] and first[buffer] <= finish and high > offset:
                    if low >= offset + size:
                        break
                    offset = high
            self.offsets[buffer] = offset
            placed.append((offset, offset + size, first[buffer], last[buffer]))
            placed.sort()
        self.arena_size = max(high for _, high, _, _ in placed) + 64

    # steps: primitives with the buffers that they read and write

    def _attr(self, slope=None):
        attr = self.dnn.make("primitive_attr")
        self.dnn.call("primitive_attr_set_scratchpad_mode", attr, 1)  # memory is ours
        if slope is not None:
            ops, zero = self.dnn.make("post_ops"), ctypes.c_float(0)
            self.dnn.call("post_ops_append_eltwise", ops, RELU, ctypes.c_float(slope), zero)
            self.dnn.call("primitive_attr_set_post_ops", attr, ops)
        return attr

    def _describe(self, name, *args):
        return self.dnn.make("primitive_desc", *args, by=name + "_primitive_desc_create")

    def _step(self, desc, args):
        scratchpad = self.dnn.query(desc, QUERY_SCRATCHPAD)
        if self.dnn.lib.dnnl_memory_desc_get_size(scratchpad):
            args[SCRATCHPAD] = self._buffer(scratchpad)
        self.keep.append(desc)  # owns the descriptions that were queried
        self.steps.append((self.dnn.make("primitive", desc), args))

    def _reorder(self, source, target):
        engine = self.dnn.engine
        descs = (self.descs[source], engine, self.descs[target], engine)
        self._step(self._describe("reorder", *descs, self.attr), {SRC: source, DST: target})
        return target

    def _same(self, a, b):
        return self.dnn.lib.dnnl_memory_desc_equal(a, b)

    def _weights(self, node, desc):
        """The parameter in the layout that the primitive wants."""
        wanted, source = self.dnn.query(desc, QUERY_WEIGHTS), self.params[node.weight]
        if self._same(self.descs[source], wanted):
            return source
        return self._reorder(source, self._buffer(wanted))

    def _add(self, a, b, out, slope=None):
        descs = [self.descs[buffer] for buffer in (a, b, out)]
        attr = self._attr(slope)
        desc = self._describe("binary", self.dnn.engine, BINARY_ADD, *descs, attr)
        self._step(desc, {SRC: a, SRC_1: b, DST: out})
        return out

    def _conv(self, direction, node, src, dst, *rest):
        """Describe one of a convolution's three primitives; weights in any layout."""
        kind = "deconvolution_" if node.transposed else "convolution_"
        algorithm = DECONVOLUTION_DIRECT if node.transposed else DIRECT
        wshape = self.padded[node.weight]
        if node.transposed:
            wshape = wshape[:-4] + (wshape[-3], wshape[-4]) + wshape[-2:]
        weights = self.dnn.laid_out(wshape, ANY)
        bias = None if node.bias is None else self.descs[self.params[node.bias]]
        src, dst = self.descs[src], self.descs[dst]
        descs = (src, weights, dst) if direction == "backward_data" else (src, weights, bias, dst)
        prop, rest = (rest[:1], rest[1:]) if direction == "forward" else ((), rest)
        dilates = [d - 1 for d in node.dilation]
        geometry = [_dims(v) for v in (node.stride, dilates, node.padding, node.padding)]
        args = (self.dnn.engine,) + prop + (algorithm,) + descs + tuple(geometry) + rest
        return self._describe(kind + direction, *args)

    def _forward(self, value, node, prop):
        out = self.values[value]
        if isinstance(node, Add):
            self._add(self.values[node.a], self.values[node.b], out, node.slope)
        elif isinstance(node, Act):
            src = self.values[node.source]
            args = (self.dnn.engine, prop, RELU, self.descs[src], self.descs[out])
            args += (ctypes.c_float(node.slope), ctypes.c_float(0), self.attr)
            desc = self._describe("eltwise_forward", *args)
            self._step(desc, {SRC: src, DST: out})
        else:
            src = self.values[node.source]
            desc = self._conv("forward", node, src, out, prop, self._attr(node.slope))
            args = {SRC: src, DST: out, WEIGHTS: self._weights(node, desc)}
            if node.bias is not None:
                args[BIAS] = self.params[node.bias]
            self._step(desc, args)
            return desc

    def _backward(self, graph, hints, needs):
        wanted = [needs[0]]  # which values carry a gradient
        for node in graph:
            if isinstance(node, Add):
                wanted.append(wanted[node.a] or wanted[node.b])
            elif isinstance(node, Act):
                wanted.append(wanted[node.source])
            else:
                own = needs[1 + node.weight] or (node.bias is not None and needs[1 + node.bias])
                wanted.append(wanted[node.source] or own)
        self.dy = self._buffer(self.dnn.dense(self.y_shape))
        top = self._reorder(self.dy, self._like(self.values[-1]))
        grads, shared = {len(graph): top}, set()

        def give(value, grad):
            if wanted[value]:
                known = grads.get(value)
                out = grad if known is None else self._add(known, grad, self._like(grad))
                grads[value] = out

        for value in range(len(graph), 0, -1):
            node, grad = graph[value - 1], grads.pop(value, None)
            if grad is None:
                continue
            if node.slope is not None:
                grad = self._act_backward(node.slope, value, grad, grad in shared)
            if isinstance(node, Act):
                give(node.source, grad)
            elif isinstance(node, Add):
                shared.add(grad)
                give(node.a, grad)
                give(node.b, grad)
            else:
                self._weights_backward(node, hints[value - 1], grad, needs)
                if wanted[node.source]:
                    src = self.values[node.source]
                    out = self._like(src)
                    hint = hints[value - 1]
                    desc = self._conv("backward_data", node, src, grad, hint, self.attr)
                    weights = self._weights(node, desc)
                    self._step(desc, {DIFF_SRC: out, DIFF_DST: grad, WEIGHTS: weights})
                    give(node.source, out)
        if needs[0]:
            self.dx = self._reorder(grads[0], self._like(self.x))

    def _act_backward(self, slope, value, grad, shared):
        out = self._like(grad) if shared else grad
        y = self.values[value]
        descs = [self.descs[b] for b in (out, grad, y)]
        floats = (ctypes.c_float(slope), ctypes.c_float(0))
        args = (self.dnn.engine, FORWARD_TRAINING, RELU_FROM_OUTPUT, self.descs[y], self.descs[y])
        hint = self._describe("eltwise_forward", *(args + floats + (self.attr,)))
        args = (self.dnn.engine, RELU_FROM_OUTPUT, *descs, *floats, hint, self.attr)
        desc = self._describe("eltwise_backward", *args)
        self._step(desc, {DST: y, DIFF_DST: grad, DIFF_SRC: out})
        return out

    def _weights_backward(self, node, hint, grad, needs):
        bias = node.bias is not None
        if not (needs[1 + node.weight] or (bias and needs[1 + node.bias])):
            return
        src = self.values[node.source]
        desc = self._conv("backward_weights", node, src, grad, hint, self.attr)
        plain, found = self._like(self.params[node.weight]), None
        wanted = self.dnn.query(desc, QUERY_DIFF_WEIGHTS)
        same = self._same(self.descs[plain], wanted)
        found = plain if same else self._buffer(wanted)
        args = {SRC: src, DIFF_DST: grad, DIFF_WEIGHTS: found}
        if bias:
            args[DIFF_BIAS] = self._like(self.params[node.bias])
            self.dparams.append((node.bias, args[DIFF_BIAS]))
        self._step(desc, args)
        if not same:
            self._reorder(found, plain)
        self.dparams.append((node.weight, plain))

    def drop(self):
        """Keep no memory from now on."""
        self.kept = False
        self.idle.clear()

    def workspace(self):
        """Memory to run in; give it back by `workspace.release()`."""
        try:
            return self.idle.pop()
        except IndexError:
            return Workspace(self)


class Workspace:
    """One arena for a plan, with everything that a run writes."""

    def __init__(self, plan):
        self.plan, self.dnn = plan, plan.dnn
        raw = np.empty(plan.arena_size, np.uint8)
        start = -raw.ctypes.data % 64
        self.arena = raw[start:]
        base = self.arena.ctypes.data
        self.stream = self.dnn.make("stream", self.dnn.engine, 1)
        self.memory = {
            buffer: self.dnn.make(
                "memory", plan.descs[buffer], self.dnn.engine, ctypes.c_void_p(base + offset)
            )
            for buffer, offset in plan.offsets.items()
        }
        self.steps = []
        for primitive, args in plan.steps:
            pairs = [(kind, self.memory[buffer].value) for kind, buffer in args.items()]
            self.steps.append((primitive, len(pairs), (_Argument * len(pairs))(*pairs)))

    def view(self, buffer, shape):
        """A buffer in NumPy's order, as an array that shares its memory."""
        offset = self.plan.offsets[buffer]
        size = 4 * int(np.prod(shape))
        return self.arena[offset : offset + size].view(np.float32).reshape(shape)

    def _run(self, steps):
        use_threads(self.plan.threads)
        execute, stream = self.dnn.lib.dnnl_primitive_execute, self.stream
        for primitive, count, args in steps:
            status = execute(primitive, stream, count, args)
            if status:
                raise RuntimeError("oneDNN: execute: %s" % STATUS.get(status, status))
        self.dnn.call("stream_wait", stream)

    def _fill(self, buffer, padded, array):
        view = self.view(buffer, padded)
        if view.shape != array.shape:
            view[:] = 0
        view[tuple(map(slice, array.shape))] = array

    def _read(self, buffer, padded, shape):
        return self.view(buffer, padded)[tuple(map(slice, shape))].copy()

    def forward(self, x, params):
        """Run the network; arrays in, a fresh array out."""
        plan = self.plan
        self._fill(plan.x, plan.x_shape, x)
        for buffer, padded, param in zip(plan.params, plan.padded, params):
            self._fill(buffer, padded, param)
        self._run(self.steps[: plan.forward_steps])
        return self._read(plan.y, plan.y_shape, plan.shapes[-1])

    def backward(self, dy):
        """Gradients of the input and the parameters, None where not wanted."""
        plan = self.plan
        self._fill(plan.dy, plan.y_shape, dy)
        self._run(self.steps[plan.forward_steps :])
        grads = [None] * len(plan.params)
        for i, buffer in plan.dparams:
            grad = self._read(buffer, plan.padded[i], plan.param_shapes[i])
            grads[i] = grad if grads[i] is None else grads[i] + grad
        dx = None if plan.dx is None else self._read(plan.dx, plan.x_shape, plan.shapes[0])
        return dx, grads

    def release(self):
        """Give the memory back to the plan, which keeps one workspace ready."""
        if self.plan.kept and not self.plan.idle:
            self.plan.idle.append(self)
