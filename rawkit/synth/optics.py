"""From the light of a scene to the mosaic that falls on a sensor: lens, filters, pattern."""

import numpy as np
from scipy.ndimage import gaussian_filter


def blur(rgb, sigma):
    """Blur with a Gaussian, as a lens does; edges extended.

    Parameters
    ----------
    rgb : ndarray, shape (H, W, C), float32
    sigma : float, pixels, more than 0

    Returns
    -------
    ndarray, the same shape, float32
    """
    reach = np.ceil(3 * sigma) / sigma  # in whole pixels
    return gaussian_filter(rgb, (sigma, sigma, 0), mode="nearest", truncate=reach)


def camera_colors(rng, rgb):
    """What a sensor's broad color filters see: less saturated, gray stays gray.

    A random inverse of a camera's color matrix; each of its rows adds up to 1.

    Parameters
    ----------
    rng : numpy.random.Generator
    rgb : ndarray, shape (H, W, 3), float32, linear light

    Returns
    -------
    ndarray, the same shape, float32
    """
    share = rng.uniform(0.15, 0.5)
    mix = rng.dirichlet([2.0, 5.0, 2.0], 3)  # green, in the middle, leaks most
    matrix = ((1 - share) * np.eye(3) + share * mix).astype(np.float32)
    return np.einsum("hwc,dc->hwd", rgb, matrix)  # not @: BLAS threads would fight the workers


def to_mosaic(rgb, red_gain=1.0, blue_gain=1.0, neutral_white=False):
    """Keep one color a pixel: RGGB; red and blue as weak as white balance will undo.

    Parameters
    ----------
    rgb : ndarray, shape (H, W, 3), linear light
    red_gain, blue_gain : float
    neutral_white : bool
        Above a mean of 0.9 the gains go to 1, as what is white in a photograph was
        clipped after its white balance and says nothing of the light's color.

    Returns
    -------
    ndarray, shape (H, W), float32
    """
    mosaic = np.array(rgb[..., 1], np.float32)
    for channel, gain, at in ((0, red_gain, 0), (2, blue_gain, 1)):
        light = rgb[at::2, at::2]
        if neutral_white:
            white = np.square(np.clip(10 * light.mean(-1) - 9, 0, 1))
            gain = 1 / (white + (1 - white) / gain)
        mosaic[at::2, at::2] = light[..., channel] / gain
    return mosaic
