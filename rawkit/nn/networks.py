"""The networks: from a noisy mosaic to a clean one.

Every network takes and returns float32 tensors of shape (N, 1, H, W), RGGB
mosaics in 0-1 (DN / 65536); H and W even.  Networks that estimate the noise
themselves need 48 x 48 pixels for it.
"""

import logging
import warnings

import megengine
import megengine.functional as F
import megengine.module as M
import numpy as np

from ..bayer import SCALE, pack_bayer, unpack_bayer
from ..conv import Conv2d, ConvTranspose2d, LeakyReLU, fused
from ..noise import NEAR_WHITE, estimate_blind, gat, greens_elsewhere, inverse_gat

PARAMETER_BUDGET = 100000  # the competition's limit
# Deviations of the noise above all neighbours: from here on a pixel is taken for hot.  4, 6
# and 10 scored alike on sharp, soft and mixed validation patches, 0.005 better than none.
HOT = 6.0
PILE = 1e-3  # share of a plane's pixels; more at the largest value are a clip


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


class Stabilised(M.Module):
    """Base of networks that work where the noise is uniform.

    The variance line of each mosaic is estimated blind, with `estimate_blind`.  The
    generalized Anscombe transform then gives every pixel noise of deviation 1,
    whatever the sensor.  A subclass's `residual` says what of it is noise.

    References
    ----------
    Makitalo, Foi: "Optimal inversion of the generalized Anscombe transformation for
    Poisson-Gaussian noise", IEEE Trans. Image Processing 2013.
    """

    def residual(self, stable, clipped):
        """What is noise in packed planes, in units of its deviation.

        Parameters
        ----------
        stable : tensor, shape (N, 4, H/2, W/2)
            Planes whose noise has deviation 1.
        clipped : tensor of 0 and 1, the same shape
            Where a plane stands at its white level: there the light may be any above it.
        """
        raise NotImplementedError

    def forward(self, bayer, line=None):
        """Denoise mosaics.

        Parameters
        ----------
        bayer : tensor, shape (N, 1, H, W), float32, 0-1
        line : tensor, shape (N, 2), float32, or None
            Slope (DN) and intercept (DN**2) of the noise variance over the mean,
            where they are known; None estimates them, which needs 48 x 48 pixels.
            Or shape (N, 2, ...), where ... broadcasts against packed planes: lines of
            each plane, or of each pixel.

        Returns
        -------
        tensor, shape (N, 1, H, W), float32, 0-1
        """
        packed = pack_bayer(bayer[:, 0]) * SCALE
        told = 1.0
        if line is None:
            line, told = _ask_noise(bayer.numpy()[:, 0] * np.float32(SCALE))
        line = [line[:, i] for i in range(2)]
        if line[0].ndim == 1:
            line = [x.reshape(-1, 1, 1, 1) for x in line]
        aside, calm = _set_aside(packed, *line)
        stable = gat(calm, *line, xp=F)
        clipped = _saturated(packed)
        blown = F.minimum(clipped, -_largest_around(-clipped))  # with all neighbors: no chance
        stays = F.maximum(F.maximum(aside, blown), 1 - told)
        noise = self.residual(stable, clipped)
        clean = inverse_gat(stable - noise, *line, xp=F)
        return unpack_bayer((clean + stays * (packed - clean)) / SCALE).reshape(bayer.shape)


def _ask_noise(bayer):
    """The estimated lines, a tensor (N, 2), and which mosaics told one: (N, 1, 1, 1), 0 or 1."""
    estimate = np.stack(estimate_blind(bayer), axis=1)
    told, moved = np.isfinite(estimate).all(1), greens_elsewhere(bayer).sum()
    if not told.all():
        warnings.warn(
            "%d of %d mosaics tell nothing of their noise (one value, or clipped all over) "
            "and stay as they are" % ((~told).sum(), len(told)),
            stacklevel=3,
        )
    if moved:
        warnings.warn(
            "%d of %d mosaics have their greens where red and blue are expected: not RGGB, "
            "which costs most of what denoising gains" % (moved, len(told)),
            stacklevel=3,
        )
    estimate = np.where(told[:, None], estimate, 1.0).astype(np.float32)
    return megengine.Tensor(estimate), megengine.Tensor(np.float32(told[:, None, None, None]))


def _largest_around(packed):
    """The largest of the eight neighbours in the same plane; borders are reflected."""
    rows = F.concat([packed[:, :, 1:2], packed, packed[:, :, -2:-1]], axis=2)
    beside = F.maximum(rows[:, :, :-2], rows[:, :, 2:])
    around = F.maximum(beside, packed)
    around = F.concat([around[..., 1:2], around, around[..., -2:-1]], axis=3)
    return F.maximum(beside, F.maximum(around[..., :-2], around[..., 2:]))


def _set_aside(packed, slope, intercept):
    """Find pixels that are no photograph: hot ones, which would smear, and borders of one value.

    Returns
    -------
    aside : tensor of 0 and 1, shape of `packed`
    calm : tensor
        `packed`, with the largest neighbour in place of a hot pixel.
    """
    largest, least = _largest_around(packed), -_largest_around(-packed)
    # the pixel's own noise: with few photons, one more than the neighbours have is no defect
    variance = F.maximum(slope * packed + intercept, 1.0)
    excess = F.maximum(packed - largest, 0.0)
    hot = (excess * excess > HOT**2 * variance).astype("float32")
    # all planes: of one plane nine zeros in a dark sky may be chance
    span = F.maximum(largest, packed) - F.minimum(least, packed)
    border = (F.max(span, axis=1, keepdims=True) == 0).astype("float32")
    return F.maximum(hot, border), packed - hot * excess


def _saturated(packed):
    """Where a plane's pixels stand at its white level: tensor of 0 and 1."""
    top = F.max(F.max(packed, axis=3, keepdims=True), axis=2, keepdims=True)
    full = (packed >= F.maximum(top, NEAR_WHITE)).astype("float32")
    # one pixel may be the brightest by chance, a clip holds many
    pile = full.mean(axis=(2, 3), keepdims=True) > PILE
    return full * pile.astype("float32")


class BlindUNet(Stabilised):
    """Our network: a small U-Net of depthwise and 1x1 layers on stabilised planes.

    96,596 parameters, 6.5 thousand multiply-adds per pixel of the mosaic and view.

    Parameters
    ----------
    views : 1 or 2
        With 2, as in the weights of the suite, it looks at each mosaic twice, the second time
        turned by 180 degrees, and averages.  What it sees then is a Bayer mosaic again, moved
        by one pixel, so the two errors differ.

    References
    ----------
    Ronneberger, Fischer, Brox: "U-Net: Convolutional Networks for Biomedical
    Image Segmentation", MICCAI 2015.  Liu, Mao, Wu, Feichtenhofer, Darrell, Xie:
    "A ConvNet for the 2020s", CVPR 2022 (the block, here without normalisation).
    """

    def __init__(self, views=1):
        super().__init__()
        if views not in (1, 2):
            raise ValueError("found views %r, expected 1 or 2" % (views,))
        self.config = {"views": views}
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
        if self.config["views"] == 1:
            return self._one_view(stable, clipped)
        turned = _turn(stable), _turn(clipped)
        if self.training:  # both at once is faster, but holds twice the memory
            both = (F.concat(pair) for pair in zip((stable, clipped), turned))
            first, second = F.split(self._one_view(*both), 2)
        else:
            first, second = self._one_view(stable, clipped), self._one_view(*turned)
        # the first row and column of the mosaic are in the first view only
        first, second = unpack_bayer(first), unpack_bayer(second)[:, ::-1, ::-1]
        inner = 0.5 * (first[:, 1:, 1:] + second[:, :-1, :-1])
        lower = F.concat([first[:, 1:, :1], inner], axis=2)
        return pack_bayer(F.concat([first[:, :1], lower], axis=1))

    def _one_view(self, stable, clipped):
        level = stable.mean(axis=(2, 3), keepdims=True)
        brightness = stable.mean(axis=1, keepdims=True) / 64
        x = F.concat([stable - level, brightness, clipped], axis=1)
        height, width = stable.shape[2:]
        # two scales of 2 need multiples of 4: the last rows and columns are used again
        if height % 4:
            x = F.concat([x, x[:, :, height % 4 - 4 :]], axis=2)
        if width % 4:
            x = F.concat([x, x[..., width % 4 - 4 :]], axis=3)
        return fused(x, self._unet)[:, :, :height, :width]


class DenseBlock(M.Module):
    """A residual block: two full 3x3 layers."""

    def __init__(self, channels):
        super().__init__()
        self.first = Conv2d(channels, channels, 3, padding=1)
        self.act = LeakyReLU(0.125)
        self.second = Conv2d(channels, channels, 3, padding=1)
        M.init.zeros_(self.second.weight)  # a new block changes nothing yet

    def forward(self, x):
        return x + self.second(self.act(self.first(x)))


class DenseUNet(Stabilised):
    """A small U-Net of full 3x3 layers on stabilised planes, on two scales.

    94,708 parameters, 13.5 thousand multiply-adds per pixel of the mosaic.  It is shown
    where planes stand at their white level, and has learned what such a pixel says.

    References
    ----------
    Ronneberger, Fischer, Brox: "U-Net: Convolutional Networks for Biomedical
    Image Segmentation", MICCAI 2015.  Lim, Son, Kim, Nah, Lee: "Enhanced Deep Residual
    Networks for Single Image Super-Resolution", CVPR Workshops 2017 (the block).
    """

    def __init__(self):
        super().__init__()
        self.config = {}
        # channels are multiples of 16: what a CPU's convolutions are fastest with
        self.entry = Conv2d(9, 32, 3, padding=1)
        self.encode = DenseBlock(32)
        self.down = Conv2d(32, 48, 2, stride=2)
        self.middle = DenseBlock(48)
        self.up = ConvTranspose2d(48, 32, 2, stride=2)
        self.decode = DenseBlock(32)
        self.exit = Conv2d(32, 4, 3, padding=1)
        M.init.zeros_(self.exit.weight)  # a new network returns its input

    def _unet(self, x):
        fine = self.encode(self.entry(x))
        coarse = self.middle(self.down(fine))
        return self.exit(self.decode(fine + self.up(coarse)))

    def residual(self, stable, clipped):
        level = stable.mean(axis=(2, 3), keepdims=True)
        brightness = stable.mean(axis=1, keepdims=True) / 64
        x = F.concat([stable - level, brightness, clipped], axis=1)
        height, width = stable.shape[2:]
        if height % 2:  # the coarse scale needs even sizes: the last row is used again
            x = F.concat([x, x[:, :, -1:]], axis=2)
        if width % 2:
            x = F.concat([x, x[..., -1:]], axis=3)
        return fused(x, self._unet)[:, :, :height, :width]


def _turn(packed):
    """Packed planes of the mosaic turned by 180 degrees, without its first row and column.

    One reflected row and column at the other end keep the size.
    """
    mosaic = unpack_bayer(packed)
    mosaic = F.concat([mosaic[:, 1:], mosaic[:, -2:-1]], axis=1)
    mosaic = F.concat([mosaic[..., 1:], mosaic[..., -2:-1]], axis=2)
    return pack_bayer(mosaic[:, ::-1, ::-1])


NETWORKS = {network.__name__: network for network in (Baseline, BlindUNet, DenseUNet)}


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

    # noise, of which a black mosaic would tell nothing
    mosaic = np.random.default_rng(0).uniform(0.1, 0.2, (1, 1, size, size)).astype(np.float32)
    logging.disable(logging.INFO)  # it logs a summary even when told not to
    try:
        total, _ = module_stats(model, inputs=mosaic, logging_to_stdout=False)
    finally:
        logging.disable(logging.NOTSET)
    return int(total.param_dims), total.flops / size**2
