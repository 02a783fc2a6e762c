"""A network's forward pass, recorded once as a small graph.

Modules are called with a `Symbol` in place of a tensor.  It knows its shape, can be added to
another, and notes every layer on its `Tape`.  The result is a tuple of `Conv` and `Add` nodes:
plain data from which a plan is made, and the key under which the plan is kept.
"""

from collections import namedtuple

# `source`, `a`, `b` are values: 0 is the input, node i computes value i + 1.
# `weight`, `bias` count the tape's parameters.  `slope` is that of the leaky
# ReLU which follows (0: ReLU, None: nothing follows).
Conv = namedtuple("Conv", "source weight bias stride padding dilation groups transposed slope")
Add = namedtuple("Add", "a b slope")


class Unsupported(Exception):
    """Something that only MegEngine's own operators compute."""


class Symbol:
    """Stands for a tensor while a forward pass is recorded.

    Whatever else a tensor can do raises an exception, so that nothing is recorded that differs
    from what happens to a tensor.
    """

    def __init__(self, tape, value, shape):
        self.tape, self.value, self.shape = tape, value, shape

    def __add__(self, other):
        return self.tape.add(self, other)

    def _refuse(self, *args, **kwargs):
        raise Unsupported("a value is looked at while a network is recorded")

    # what Python's objects can do without being asked, and NumPy with any object
    __bool__ = __eq__ = __ne__ = __array__ = _refuse
    __hash__ = None


class Tape:
    """Records layers; `nodes`, `shapes` and `params` describe them."""

    def __init__(self, shape):
        self.nodes, self.shapes, self.params = [], [tuple(shape)], []
        self._used = set()

    def input(self):
        return Symbol(self, 0, self.shapes[0])

    def _append(self, node, shape):
        self.nodes.append(node)
        self.shapes.append(shape)
        return Symbol(self, len(self.nodes), shape)

    def _use(self, x):
        """Which value a layer reads; from then on it is needed as it is."""
        if not isinstance(x, Symbol) or x.tape is not self or x.value is None:
            raise Unsupported("no value of this tape, or one from before its ReLU")
        self._used.add(x.value)
        return x.value

    def _param(self, tensor):
        self.params.append(tensor)
        return len(self.params) - 1

    def conv(self, module, x, transposed):
        """Record a convolution, after checking everything that it depends on."""
        out = conv_shape(module, x.shape, transposed)
        weight = self._param(module.weight)
        bias = None if module.bias is None else self._param(module.bias)
        geometry = map(tuple, (module.stride, module.padding, module.dilation))
        node = Conv(self._use(x), weight, bias, *geometry, module.groups, transposed, None)
        return self._append(node, out)

    def act(self, x, slope):
        """Record a leaky ReLU as part of the layer before it, whose own value is then gone."""
        if not 0 <= slope < float("inf"):  # the output's sign is no longer the input's
            raise Unsupported(f"a leaky ReLU of slope {slope}")
        if x.value in self._used | {0, None} or self.nodes[x.value - 1].slope is not None:
            raise Unsupported("a ReLU of the input, of another one, or of a value that is used")
        self.nodes[x.value - 1] = self.nodes[x.value - 1]._replace(slope=float(slope))
        value, x.value = x.value, None
        return Symbol(self, value, x.shape)

    def add(self, x, y):
        """Record a sum of two values of one shape."""
        node = Add(self._use(x), self._use(y), None)
        if x.shape != y.shape:
            raise Unsupported("adding values of different shapes")
        return self._append(node, x.shape)

    def graph(self, result):
        """The nodes that lead to `result`, and the shapes of all values.

        Returns
        -------
        nodes : tuple
        shapes : tuple of tuples

        Raises
        ------
        Unsupported
            If `result` is no value of this tape.
        """
        if self._use(result) < len(self.nodes):
            raise Unsupported("a layer whose value nobody uses")
        return tuple(self.nodes), tuple(self.shapes)


def conv_shape(module, shape, transposed):
    """The output's shape; RuntimeError, as MegEngine raises, if there is none."""
    mode, extra = getattr(module, "padding_mode", "zeros"), getattr(module, "output_padding", 0)
    if mode != "zeros" or extra not in (0, (0, 0)):
        raise Unsupported(f"padding_mode {mode}, output_padding {extra}")
    inputs, outputs, groups = module.in_channels, module.out_channels, module.groups
    slow = max(module.kernel_size) > 3 or max(module.dilation) > 1
    if groups == inputs == outputs > 1 and slow:
        raise Unsupported("depthwise: for its gradients oneDNN 3.2 has plain loops alone")
    if len(shape) != 4 or shape[1] != inputs or 0 in shape:
        raise RuntimeError(f"{module} needs an input (N, {inputs}, H, W), found {tuple(shape)}")
    out = []
    for size, k, stride, pad, dilation in zip(
        shape[2:], module.kernel_size, module.stride, module.padding, module.dilation
    ):
        reach = dilation * (k - 1) + 1
        if transposed:
            out.append((size - 1) * stride - 2 * pad + reach)
        else:
            out.append((size + 2 * pad - reach) // stride + 1)
    if min(out) < 1:
        raise RuntimeError(f"{module} needs a larger input, found {tuple(shape)}")
    first, second = (inputs, outputs) if transposed else (outputs, inputs)
    weight = (first // groups, second // groups) + tuple(module.kernel_size)
    if groups > 1:
        weight = (groups,) + weight
    found = tuple(module.weight.shape), module.bias is None or tuple(module.bias.shape)
    if found != (weight, module.bias is None or (1, outputs, 1, 1)):
        raise RuntimeError(f"{module} has weights and a bias of other shapes: {found}")
    return (shape[0], outputs) + tuple(out)
