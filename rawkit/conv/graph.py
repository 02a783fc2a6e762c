"""A network's forward pass, recorded once as a small graph.

Modules are called with a `Symbol` in place of a tensor.  It knows its shape, can be added to
another, and notes every layer on its `Tape`.  The result is a tuple of `Conv`, `Act` and `Add`
nodes: plain data from which a plan is made, and the key under which the plan is kept.
"""

from collections import namedtuple

# `source`, `a`, `b` are values: 0 is the input, node i computes value i + 1.
# `weight`, `bias` count the tape's parameters.  `slope` is that of the leaky
# ReLU which follows (0: ReLU, None: nothing follows).
Conv = namedtuple("Conv", "source weight bias stride padding dilation groups transposed slope")
Add = namedtuple("Add", "a b slope")
Act = namedtuple("Act", "source slope")


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
        self._known = {}

    def input(self):
        return Symbol(self, 0, self.shapes[0])

    def _append(self, node, shape):
        self.nodes.append(node)
        self.shapes.append(shape)
        return Symbol(self, len(self.nodes), shape)

    def _param(self, tensor, transposed):
        if tensor is None:
            return None
        # layers of both kinds can share weights, and read their axes differently
        key = id(tensor), transposed
        if key not in self._known:
            self._known[key] = len(self.params)
            self.params.append(tensor)
        return self._known[key]

    def conv(self, module, x, transposed):
        """Record a convolution, after checking everything that it depends on."""
        out = conv_shape(module, x.shape, transposed)
        weight, bias = self._param(module.weight, transposed), self._param(module.bias, False)
        geometry = map(tuple, (module.stride, module.padding, module.dilation))
        node = Conv(x.value, weight, bias, *geometry, module.groups, transposed, None)
        return self._append(node, out)

    def act(self, x, slope):
        if not 0 <= slope < float("inf"):  # the output's sign is no longer the input's
            raise Unsupported(f"a leaky ReLU of slope {slope}")
        return self._append(Act(x.value, float(slope)), x.shape)

    def add(self, x, y):
        if not isinstance(y, Symbol) or y.tape is not self or x.shape != y.shape:
            raise Unsupported("adding something else than a value of the same shape")
        return self._append(Add(x.value, y.value, None), x.shape)

    def graph(self, result):
        """The nodes that lead to `result`, activations joined to what they follow.

        Returns
        -------
        nodes : tuple
        shapes : list of tuples, of every value

        Raises
        ------
        Unsupported
            If `result` is no value of this tape.
        """
        if not isinstance(result, Symbol) or result.tape is not self:
            raise Unsupported(f"a result of type {type(result).__name__}")
        nodes, uses = self.nodes[: result.value], [0] * (len(self.nodes) + 1)
        for node in nodes:
            for value in sources(node):
                uses[value] += 1
        kept, shapes, place = [], [self.shapes[0]], {0: 0}
        for i, node in enumerate(nodes):
            node = node._replace(**{f: place[getattr(node, f)] for f in _SOURCES[type(node)]})
            before = nodes[i].source if isinstance(node, Act) else 0
            if before and uses[before] == 1 and kept[node.source - 1].slope is None:
                kept[node.source - 1] = kept[node.source - 1]._replace(slope=node.slope)
                place[i + 1] = node.source
            else:
                kept.append(node)
                shapes.append(self.shapes[i + 1])
                place[i + 1] = len(kept)
        return tuple(kept), shapes


_SOURCES = {Conv: ("source",), Act: ("source",), Add: ("a", "b")}


def sources(node):
    """The values that a node reads."""
    return [getattr(node, field) for field in _SOURCES[type(node)]]


def conv_shape(module, shape, transposed):
    """The output's shape; RuntimeError, as MegEngine raises, if there is none."""
    mode = getattr(module, "padding_mode", "zeros"), module.conv_mode, module.compute_mode
    extra = getattr(module, "output_padding", 0)
    if mode != ("zeros", "cross_correlation", "default") or extra not in (0, (0, 0)):
        raise Unsupported(f"{mode}, output_padding {extra}")
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
