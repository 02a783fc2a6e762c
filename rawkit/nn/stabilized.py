"""The base class of networks that work where noise is uniform: estimate, transform, and back.

The rules for single pixels of patches are here: hot ones, borders of one value, and what clips
with all its neighbors are left alone.  Photographs: `rawkit.photo.defects` and `clipping`.
"""

import warnings

import megengine
import megengine.functional as F
import megengine.module as M
import numpy as np

from ..bayer import SCALE, pack_bayer, unpack_bayer
from ..noise import NEAR_WHITE, estimate_blind, gat, inverse_gat

# Deviations of the noise above all neighbors: from here on a pixel is taken for hot.  4, 6
# and 10 scored alike on sharp, soft and mixed validation patches, 0.005 better than none.
HOT = 6.0
PILE = 1e-3  # share of a plane's pixels; more at the largest value are a clip


class Stabilized(M.Module):
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

    def quick_residual(self, stable, clipped):
        """As `residual`, for whole frames: faster and less exact, where a network can be."""
        return self.residual(stable, clipped)

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
        known = 1.0
        if line is None:
            line, known = _estimate_lines(bayer.numpy()[:, 0] * np.float32(SCALE))
        line = [line[:, i] for i in range(2)]
        if line[0].ndim == 1:
            line = [x.reshape(-1, 1, 1, 1) for x in line]
        aside, calm = _set_aside(packed, *line)
        stable = gat(calm, *line, xp=F)
        clipped = _saturated(packed)
        blown = -F.max_pool2d(-clipped, 3, 1, 1)  # with all neighbors: no chance
        stays = F.maximum(F.maximum(aside, blown), 1 - known)
        noise = self.residual(stable, clipped)
        clean = inverse_gat(stable - noise, *line, xp=F)
        return unpack_bayer((clean + stays * (packed - clean)) / SCALE).reshape(bayer.shape)


def _estimate_lines(bayer):
    """The estimated lines, a tensor (N, 2), and for which mosaics that was possible: 0 or 1."""
    estimate = np.stack(estimate_blind(bayer), axis=1)
    known = np.isfinite(estimate).all(1)
    if not known.all():
        where = f"{(~known).sum()} of {len(known)} mosaics (of one value, or clipped all over)"
        warnings.warn(f"{where}: no noise estimate was possible: they stay", stacklevel=3)
    estimate = np.where(known[:, None], estimate, 1.0).astype(np.float32)
    return megengine.Tensor(estimate), megengine.Tensor(np.float32(known[:, None, None, None]))


def _largest_around(packed):
    """The largest of the eight neighbors in the same plane; borders are reflected."""
    rows = F.concat([packed[:, :, 1:2], packed, packed[:, :, -2:-1]], axis=2)
    beside = F.maximum(rows[:, :, :-2], rows[:, :, 2:])
    around = F.maximum(beside, packed)
    around = F.concat([around[..., 1:2], around, around[..., -2:-1]], axis=3)
    return F.maximum(beside, F.maximum(around[..., :-2], around[..., 2:]))


def _set_aside(packed, slope, intercept):
    """Find pixels that show no scene: hot ones, which would smear, and borders of one value.

    Returns
    -------
    aside : tensor of 0 and 1, shape of `packed`
    calm : tensor
        `packed`, with the largest neighbor in place of a hot pixel.
    """
    largest = _largest_around(packed)
    # the pixel's own noise: with few photons, one more than the neighbors have is no defect
    variance = F.maximum(slope * packed + intercept, 1.0)
    excess = F.maximum(packed - largest, 0.0)
    hot = (excess * excess > HOT**2 * variance).astype("float32")
    # all planes: of one plane nine zeros in a dark sky may be chance
    span = F.max_pool2d(packed, 3, 1, 1) + F.max_pool2d(-packed, 3, 1, 1)
    border = (F.max(span, axis=1, keepdims=True) == 0).astype("float32")
    return F.maximum(hot, border), packed - hot * excess


def _saturated(packed):
    """Where a plane's pixels stand at its white level: tensor of 0 and 1."""
    top = F.max(F.max(packed, axis=3, keepdims=True), axis=2, keepdims=True)
    full = (packed >= F.maximum(top, NEAR_WHITE)).astype("float32")
    # one pixel may be the brightest by chance, a clip holds many
    pile = full.mean(axis=(2, 3), keepdims=True) > PILE
    return full * pile.astype("float32")
