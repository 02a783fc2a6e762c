"""The networks: from a noisy mosaic to a clean one.

Every network takes and returns float32 tensors of shape (N, 1, H, W), RGGB
mosaics in 0-1 (DN / 65536); H and W even.  Networks that estimate the noise
themselves need 48 x 48 pixels for it.  `reach` says how far around a pixel a network
looks, in pixels: photographs go through it in tiles that overlap by so much.
"""

import logging

import megengine.functional as F
import megengine.module as M
import numpy as np

from ..bayer import pack_bayer, unpack_bayer
from ..conv import Conv2d, ConvTranspose2d, LeakyReLU, fused
from .stabilized import Stabilized

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
    MegCup 2022 (Megvii), RAW denoising, the organizers' baseline.
    """

    reach = 13  # six times a cell of the mosaic, and one pixel

    def __init__(self, output_activation=False):
        super().__init__()
        self.config = {"output_activation": output_activation}
        widths = (4, 50, 50, 50, 50, 50, 4)
        for i, (before, after) in enumerate(zip(widths, widths[1:]), start=1):
            layers = [Conv2d(before, after, 3, padding=1)]
            if i < 6 or output_activation:
                layers.append(LeakyReLU(0.125))
            setattr(self, f"conv{i}", M.Sequential(*layers))

    def forward(self, bayer):
        x = pack_bayer(bayer[:, 0])
        x = fused(x, self.conv1, self.conv2, self.conv3, self.conv4, self.conv5, self.conv6)
        return unpack_bayer(x).reshape(bayer.shape)


class Block(M.Module):
    """A residual block: depthwise 3x3, then 1x1 to twice the channels and back."""

    def __init__(self, channels):
        super().__init__()
        self.depthwise = Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.expand = Conv2d(channels, 2 * channels, 1)
        self.act = LeakyReLU(0.125)
        self.project = Conv2d(2 * channels, channels, 1)
        M.init.zeros_(self.project.weight)  # a new block changes nothing yet

    def forward(self, x):
        return x + self.project(self.act(self.expand(self.depthwise(x))))


class BlindUNet(Stabilized):
    """The suite's network: a small U-Net of depthwise and 1x1 layers on stabilized planes.

    96,596 parameters, 6.5 thousand multiply-adds per pixel of the mosaic and look.  It looks at
    each mosaic twice, the second time turned by 180 degrees, and averages.  What it sees then
    is a Bayer mosaic again, moved by one pixel, so the two errors differ.  In training it looks
    twice at half of a batch, so that the weights serve a single look, `quick_residual`, as well.

    References
    ----------
    Ronneberger, Fischer, Brox: "U-Net: Convolutional Networks for Biomedical
    Image Segmentation", MICCAI 2015.  Liu, Mao, Wu, Feichtenhofer, Darrell, Xie:
    "A ConvNet for the 2020s", CVPR 2022 (the block, here without normalization).
    """

    reach = 32  # measured: what is farther away changes a pixel's answer by less than 0.5 DN

    def __init__(self):
        super().__init__()
        self.entry = Conv2d(9, 32, 3, padding=1)
        self.encode1 = Block(32)
        self.down1 = Conv2d(32, 48, 2, stride=2)
        self.encode2 = M.Sequential(Block(48), Block(48))
        self.down2 = Conv2d(48, 64, 2, stride=2)
        self.middle = Block(64)
        self.up2 = ConvTranspose2d(64, 48, 2, stride=2)
        self.decode2 = Block(48)
        self.up1 = ConvTranspose2d(48, 32, 2, stride=2)
        self.decode1 = Block(32)
        self.exit = Conv2d(32, 4, 3, padding=1)
        M.init.zeros_(self.exit.weight)  # a new network returns its input

    def _unet(self, x):
        fine = self.encode1(self.entry(x))
        coarse = self.encode2(self.down1(fine))
        x = self.up2(self.middle(self.down2(coarse)))
        x = self.up1(self.decode2(x + coarse))
        return self.exit(self.decode1(x + fine))

    def residual(self, stable, clipped):
        count = stable.shape[0]
        twice = (count + 1) // 2 if self.training else count
        looks = self.quick_residual(*(F.concat([x, _turn(x[:twice])]) for x in (stable, clipped)))
        mean = _mean_of_looks(looks[:twice], looks[count:])
        return mean if twice == count else F.concat([mean, looks[twice:count]])

    def quick_residual(self, stable, clipped):
        level = stable.mean(axis=(2, 3), keepdims=True)
        brightness = stable.mean(axis=1, keepdims=True) / 64
        x = F.concat([stable - level, brightness, clipped], axis=1)
        height, width = stable.shape[2:]
        # two steps to a coarser scale: the last rows and columns fill up to a multiple of 4
        if height % 4:
            x = F.concat([x, x[:, :, height % 4 - 4 :]], axis=2)
        if width % 4:
            x = F.concat([x, x[..., width % 4 - 4 :]], axis=3)
        return fused(x, self._unet)[:, :, :height, :width]


def _mean_of_looks(first, second):
    """The mean of two answers; the mosaic's first row and column are in the first one only."""
    first, second = unpack_bayer(first), unpack_bayer(second)[:, ::-1, ::-1]
    inner = 0.5 * (first[:, 1:, 1:] + second[:, :-1, :-1])
    lower = F.concat([first[:, 1:, :1], inner], axis=2)
    return pack_bayer(F.concat([first[:, :1], lower], axis=1))


def _turn(packed):
    """Packed planes of the mosaic turned by 180 degrees, without its first row and column.

    One reflected row and column at the other end keep the size.
    """
    mosaic = unpack_bayer(packed)
    mosaic = F.concat([mosaic[:, 1:], mosaic[:, -2:-1]], axis=1)
    mosaic = F.concat([mosaic[..., 1:], mosaic[..., -2:-1]], axis=2)
    return pack_bayer(mosaic[:, ::-1, ::-1])


NETWORKS = {network.__name__: network for network in (Baseline, BlindUNet)}


def count_parameters(model):
    """Count the numbers stored in a network, each tensor once however often it is used.

    Parameters
    ----------
    model : megengine.module.Module

    Returns
    -------
    int
    """
    return sum(int(np.prod(tensor.shape)) for tensor in model.parameters())


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

    # noise, which a black mosaic would not have
    mosaic = np.random.default_rng(0).uniform(0.1, 0.2, (1, 1, size, size)).astype(np.float32)
    logging.disable(logging.INFO)  # it logs a summary even when told not to
    try:
        total, _ = module_stats(model, inputs=mosaic, logging_to_stdout=False)
    finally:
        logging.disable(logging.NOTSET)
    return int(total.param_dims), total.flops / size**2
