"""The memory of a plan: one arena in which every buffer has its place, and a run in it."""

import ctypes

import numpy as np

from .library import STATUS, Argument, OneDNNError


def place(sizes, first, last):
    """Give each buffer an offset, so that no two in use at a time overlap.

    Parameters
    ----------
    sizes : dict of buffer: bytes
    first, last : dicts of buffer: step
        Between these two, both included, it is in use.

    Returns
    -------
    offsets : dict of buffer: bytes from the arena's start, multiples of 64
    size : int
        Bytes of the arena.
    """
    offsets, placed = {}, []
    for buffer in sorted(first, key=lambda b: -sizes[b]):
        offset, size = 0, sizes[buffer] + 63 & ~63
        for low, high, begin, finish in placed:  # in the order of `low`
            if begin <= last[buffer] and first[buffer] <= finish and high > offset:
                if low >= offset + size:
                    break
                offset = high
        offsets[buffer] = offset
        placed.append((offset, offset + size, first[buffer], last[buffer]))
        placed.sort()
    return offsets, max(high for _, high, _, _ in placed) + 64


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
                "memory", plan.list.descs[buffer], self.dnn.engine, ctypes.c_void_p(base + offset)
            )
            for buffer, offset in plan.offsets.items()
        }
        self.steps = []
        for primitive, args, layer in plan.list.steps:
            pairs = [(kind, self.memory[buffer].value) for kind, buffer in args.items()]
            self.steps.append((primitive, len(pairs), (Argument * len(pairs))(*pairs), layer))

    def _view(self, buffer, shape):
        """A buffer in NumPy's order, as an array that shares its memory."""
        offset = self.plan.offsets[buffer]
        size = 4 * int(np.prod(shape))
        return self.arena[offset : offset + size].view(np.float32).reshape(shape)

    def _run(self, steps):
        execute, stream = self.dnn.lib.dnnl_primitive_execute, self.stream
        with self.dnn.threads(self.plan.threads):
            for primitive, count, args, layer in steps:
                status = execute(primitive, stream, count, args)
                if status:
                    raise OneDNNError(STATUS.get(status, status)).of(layer)
            self.dnn.call("stream_wait", stream)

    def _fill(self, buffer, padded, array):
        view = self._view(buffer, padded)
        if view.shape != array.shape:
            view[:] = 0
        view[tuple(map(slice, array.shape))] = array

    def _read(self, buffer, padded, shape):
        if buffer is None:
            return None
        return self._view(buffer, padded)[tuple(map(slice, shape))].copy()

    def forward(self, x, params):
        """Run the network; arrays in, a fresh array out."""
        plan = self.plan
        self._fill(plan.x, plan.x_shape, x)
        for buffer, padded, param in zip(plan.params, plan.padded, params):
            self._fill(buffer, padded, param)
        self._run(self.steps[: plan.forward_steps])
        return self._read(plan.y, plan.y_shape, plan.shapes[-1])

    def backward(self, dy):
        """Gradients of the input and of the parameters; None where there is none."""
        plan = self.plan
        self._fill(plan.dy, plan.y_shape, dy)
        self._run(self.steps[plan.forward_steps :])
        gradients = [(plan.dx, plan.x_shape, plan.shapes[0])]
        gradients += zip(plan.dparams, plan.padded, plan.param_shapes)
        return [self._read(*gradient) for gradient in gradients]
