"""Layers that record themselves, or run by themselves: on oneDNN, or as MegEngine does."""

import megengine.functional as F
import megengine.module as M

from .fusion import run_layer
from .graph import Symbol


class _Layer:
    """Records itself on a tape, or runs as a graph of one layer."""

    transposed = False

    def forward(self, x):
        if isinstance(x, Symbol):
            return self.record(x)
        y = run_layer(x, self)
        return super().forward(x) if y is None else y

    def record(self, x):
        return x.tape.conv(self, x, self.transposed)


class Conv2d(_Layer, M.Conv2d):
    """`M.Conv2d`, fast on a CPU: same arguments, parameters, names and start values."""


class ConvTranspose2d(_Layer, M.ConvTranspose2d):
    """`M.ConvTranspose2d`, fast on a CPU: same arguments, parameters, names and start values."""

    transposed = True


class LeakyReLU(M.Module):
    """x where positive, `negative_slope` x elsewhere; cheaper than `M.LeakyReLU`."""

    def __init__(self, negative_slope=0.01, **kwargs):
        super().__init__(**kwargs)
        self.negative_slope = negative_slope

    def forward(self, x):
        if isinstance(x, Symbol):
            return x.tape.act(x, self.negative_slope)
        # at 0 the gradient is that of the first argument: the slope, as in oneDNN
        choose = F.maximum if self.negative_slope <= 1 else F.minimum
        return choose(self.negative_slope * x, x)


class ReLU(M.Module):
    """x where positive, 0 elsewhere."""

    def forward(self, x):
        return x.tape.act(x, 0.0) if isinstance(x, Symbol) else F.relu(x)
