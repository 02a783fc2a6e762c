"""Rendering patches: from a mosaic to a picture, the same way for every image compared.

The steps: subtract the black level, apply the exposure, multiply by the white
balance, demosaic bilinearly, apply the tone curve (`rawkit.bayer.to_srgb`).  No
sharpening, no color matrix, no local contrast: what differs between two
pictures differs in the data.  Bilinear demosaicing is the simplest method there
is; it leaves color fringes at sharp edges, in all images alike.
Photographs, which know their camera's colors, are developed by `rawkit.photo.developing`.

References
----------
Finlayson, Trezzi: "Shades of Gray and Color Constancy", Color Imaging
Conference 2004 (the white balance).
"""

from collections import namedtuple

import numpy as np

from ..bayer import SCALE, pack_bayer, to_srgb
from ..binio import WHITE_LEVEL
from ..score import normalized_l1

BLACK_LEVEL_10_BIT = 4096  # DN, where the competition's 10-bit sensors keep their black
BLOCK = 8  # pixels of a plane; statistics of block means barely feel the noise
EDGE_LIMIT = 8  # of 255 a pixel; edges beyond it count no more
WHITE = 250  # of 255; what is blown out in all colors shows nothing


class Rendering(namedtuple("Rendering", "black_level white_balance exposure")):
    """How mosaics become pictures; estimate it from one image, use it for all.

    Attributes
    ----------
    black_level : float, DN
    white_balance : tuple of 3 floats
        Gains of red, green, blue.
    exposure : float
        Gain on linear light, 1 = the file's own brightness.
    """


def estimate_rendering(bayer):
    """Choose black level, white balance and exposure for one scene.

    Everything is read from means of 16 x 16 pixels, so a noisy input and its
    denoised version give nearly the same answer.

    - Black level: 4096 DN if the codes of red and blue are multiples of 64 (10 bits)
      and no block is clearly darker than that; else 0.
    - White balance: "shades of gray", between gray world and brightest is white.
      Gains stay within 1-3, where those of real sensors lie, so that a red wall
      does not turn gray.
    - Exposure: the median block reaches 45 % of white, or nearly the brightest 80 %,
      whichever takes less; 1 to 16.

    Parameters
    ----------
    bayer : array, shape (H, W), any real dtype, DN
        Best the noisy input itself: a float image has no codes to look at.

    Returns
    -------
    Rendering

    Raises
    ------
    ValueError
        If `bayer` is not one finite mosaic in DN.

    Examples
    --------
    >>> scene = np.full((32, 32), 8000, np.uint16)
    >>> scene[0::2, 0::2] = scene[1::2, 1::2] = 4000
    >>> estimate_rendering(scene).white_balance
    (2.0, 1.0, 2.0)
    """
    bayer = check_bayer(bayer, "bayer")
    packed = pack_bayer(bayer).astype(np.float64)
    n, m = (max(1, size // BLOCK) for size in packed.shape[1:])
    blocks = packed[:, : n * BLOCK, : m * BLOCK]
    blocks = blocks.reshape(4, n, blocks.shape[1] // n, m, blocks.shape[2] // m).mean((2, 4))

    # red and blue alone: such sensors rescale the green codes by a few percent
    codes_10_bit = bayer.dtype.kind in "ui" and not np.any(pack_bayer(bayer)[[0, 3]] % 64)
    dark = np.percentile(blocks, 1)
    black_level = BLACK_LEVEL_10_BIT if codes_10_bit and dark > 0.9 * BLACK_LEVEL_10_BIT else 0

    red, green_r, green_b, blue = np.maximum(blocks - black_level, 1e-3)
    green = (green_r + green_b) / 2
    # blocks near white have lost their color; if all have, nothing can be said
    usable = blocks.max(0) < 0.9 * WHITE_LEVEL
    norms = [np.mean(color[usable] ** 6) if usable.any() else 1 for color in (red, green, blue)]
    red_gain, blue_gain = (
        float(np.clip((norms[1] / norm) ** (1 / 6), 1, 3)) for norm in (norms[0], norms[2])
    )

    light = np.maximum(np.maximum(red * red_gain, green), blue * blue_gain)
    light /= WHITE_LEVEL - black_level
    exposure = min(0.8 / np.percentile(light, 98), 0.45 / np.median(light))
    exposure = float(np.clip(exposure, 1, 16))
    return Rendering(black_level, (red_gain, 1.0, blue_gain), exposure)


def render(bayer, rendering=None):
    """Turn a mosaic into an 8-bit picture.

    Parameters
    ----------
    bayer : array, shape (H, W), any real dtype, DN; H and W even
    rendering : Rendering, optional
        By default estimated from `bayer` itself.  To compare images, estimate one
        from the noisy input and pass it for all of them.

    Returns
    -------
    ndarray, shape (H, W, 3), uint8
        Clipped to 0-255 and rounded.

    Raises
    ------
    ValueError
        If `bayer` is not one finite mosaic in DN.

    Examples
    --------
    >>> gray = np.full((4, 4), 65535 // 5)
    >>> render(gray, Rendering(0, (1, 1, 1), 5))[0, 0].tolist()
    [255, 255, 255]
    """
    bayer = check_bayer(bayer, "bayer")
    black_level, white_balance, exposure = rendering or estimate_rendering(bayer)
    light = (bayer.astype(np.float32) - black_level) * (exposure / (WHITE_LEVEL - black_level))
    return to_srgb(demosaic(light) * np.array(white_balance, np.float32))


def demosaic(bayer):
    """Fill in the two colors that each pixel of an RGGB mosaic lacks.

    Bilinear: the mean of the 2 or 4 nearest pixels of that color; measured
    pixels stay as they are.  The border is mirrored, which keeps the pattern.

    Parameters
    ----------
    bayer : array, shape (H, W), float; H and W even

    Returns
    -------
    ndarray, shape (H, W, 3), the dtype of `bayer`; nothing is clipped

    Examples
    --------
    >>> demosaic(np.array([[1.0, 2.0], [4.0, 8.0]]))[0].tolist()
    [[1.0, 3.0, 8.0], [1.0, 2.0, 8.0]]
    """
    sites = np.zeros((3,) + bayer.shape, bayer.dtype)
    sites[0, 0::2, 0::2] = bayer[0::2, 0::2]
    sites[1, 0::2, 1::2] = bayer[0::2, 1::2]
    sites[1, 1::2, 0::2] = bayer[1::2, 0::2]
    sites[2, 1::2, 1::2] = bayer[1::2, 1::2]
    padded = np.pad(sites, ((0, 0), (1, 1), (1, 1)), mode="reflect")
    rows = padded[:, :, :-2] + padded[:, :, 2:]
    plus = rows[:, 1:-1] + padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1]
    corners = rows[:, :-2] + rows[:, 2:]
    # at a missing site at most one of the two sums is of that color, and never
    # its own value; green has four direct neighbors, red and blue two or four
    filled = sites + plus / np.array([2, 4, 2], bayer.dtype)[:, None, None]
    filled[0::2] += corners[0::2] / 4
    return filled.transpose(1, 2, 0)


def texture(picture):
    """How much there is to see at each pixel: the change of green to its neighbors, limited.

    Parameters
    ----------
    picture : array, shape (H, W, 3), uint8

    Returns
    -------
    ndarray, shape (H, W), float
        0 to 8 of 255, so that texture counts for more than one hard edge; 0 where white.
    """
    edges = np.minimum(np.hypot(*np.gradient(picture[..., 1].astype(np.float64))), EDGE_LIMIT)
    edges[picture.min(2) >= WHITE] = 0
    return edges


def busiest_part(picture, size=64, stride=8):
    """Find the square with the most `texture`.

    Parameters
    ----------
    picture : array, shape (H, W, 3), uint8
    size, stride : int, pixels
        Side of the square, and the grid of its places.

    Returns
    -------
    tuple (top, left, size), pixels; size is smaller where the picture is
    """
    height, width = picture.shape[:2]
    size = min(size, height, width)
    sums = np.pad(texture(picture), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    sums = sums[size:, size:] - sums[:-size, size:] - sums[size:, :-size] + sums[:-size, :-size]
    sums = sums[::stride, ::stride]
    row, column = np.unravel_index(np.argmax(sums), sums.shape)
    return int(row) * stride, int(column) * stride, size


def check_bayer(bayer, name):
    """Return one mosaic as an array, or say what is wrong with it.

    Parameters
    ----------
    bayer : array-like, shape (H, W), DN; H and W even
    name : str
        What to call it in an error.

    Returns
    -------
    ndarray, not a copy

    Raises
    ------
    ValueError
        For another shape, NaN or infinity, or a float image that lies within 0-1 and so
        is not in DN.
    """
    bayer = np.asarray(bayer)
    found = f"{name}: found shape {bayer.shape}, dtype {bayer.dtype}"
    if bayer.ndim != 2 or bayer.shape[0] % 2 or bayer.shape[1] % 2 or bayer.size == 0:
        raise ValueError(f"{found}, expected one mosaic (H, W), H and W even")
    if not np.isfinite(bayer).all():
        raise ValueError(f"{found} with NaN or infinite values, expected finite DN")
    if bayer.dtype.kind == "f" and 0 < np.abs(bayer).max() <= 1:
        raise ValueError(f"{found} within 0-1, expected DN: multiply by {SCALE}")
    return bayer


def describe_error(pred, gt):
    """The `normalized_l1` of a mosaic, (H, W), in words; none where the ground truth is black."""
    return f"error {normalized_l1(pred[None], gt[None])[0]:.2f}" if gt.any() else ""
