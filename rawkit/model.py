"""The networks: from a noisy mosaic to a clean one.

Every network takes and returns float32 tensors of shape (N, 1, H, W), RGGB
mosaics in 0-1 (DN / 65536), and works on any even H and W.
"""

import logging

import numpy as np

from . import device  # noqa: F401  (before MegEngine: see there)
from .bayer import pack_bayer, unpack_bayer
from .conv import Conv2d, LeakyReLU, fused

import megengine.module as M  # isort: skip

PARAMETER_BUDGET = 100000  # the competition's limit


class Baseline(M.Module):
    """The official baseline of MegCup 2022: six 3x3 convolutions on packed planes.

    93,854 parameters, 23.4 thousand multiply-adds per pixel of the mosaic.
    Parameter names and shapes are those of the published code, so weights
    trained with it fit.

    Parameters
    ----------
    output_activation : bool
        The published network also has the LeakyReLU after its last layer, which
        shrinks negative outputs.  Off by default; on, it is the network exactly
        as published.

    References
    ----------
    MegCup 2022 (Megvii), RAW denoising, the organisers' baseline.
    """

    def __init__(self, output_activation=False):
        super().__init__()
        self.config = {"output_activation": output_activation}
        widths = (4, 50, 50, 50, 50, 50, 4)
        for i, (before, after) in enumerate(zip(widths, widths[1:]), start=1):
            layers = [Conv2d(before, after, 3, padding=1)]
            if i < 6 or output_activation:
                layers.append(LeakyReLU(0.125))
            setattr(self, "conv%d" % i, M.Sequential(*layers))

    def forward(self, bayer):
        x = pack_bayer(bayer[:, 0])
        x = fused(x, self.conv1, self.conv2, self.conv3, self.conv4, self.conv5, self.conv6)
        return unpack_bayer(x).reshape(bayer.shape)


NETWORKS = {network.__name__: network for network in (Baseline,)}


def count_parameters(model):
    """Count the numbers stored in a network, each tensor once however often it is used.

    Parameters
    ----------
    model : megengine.module.Module

    Returns
    -------
    int
    """
    tensors = {id(tensor): tensor for tensor in model.parameters()}
    return sum(int(np.prod(tensor.shape)) for tensor in tensors.values())


def measure(model, size=64):
    """What MegEngine's own `module_stats`, the competition's check, says of a network.

    Parameters
    ----------
    model : megengine.module.Module
    size : int
        Side of the square mosaic that is sent through, in pixels.

    Returns
    -------
    parameters : int
        Those of the layers that the forward pass executes.
    macs : float
        Multiply-adds per pixel of the mosaic.
    """
    from megengine.utils.module_stats import module_stats

    mosaic = np.zeros((1, 1, size, size), np.float32)
    logging.disable(logging.INFO)  # it logs a summary even when told not to
    try:
        total, _ = module_stats(model, inputs=mosaic, logging_to_stdout=False)
    finally:
        logging.disable(logging.NOTSET)
    return int(total.param_dims), total.flops / size**2
