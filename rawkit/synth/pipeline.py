"""From a scene to a noisy patch and its ground truth: the physics, in order.

scene -> optics -> color -> mosaic -> exposure   `make_mosaic`: a clean mosaic
-> electrons -> noise -> ADC                      `expose`: a noisy frame, and its mean

The numbers stand in `recipes`, the steps in the files that they are imported from.

References
----------
Brooks, Mildenhall, Xue, Chen, Sharlet, Barron: "Unprocessing images for learned
raw denoising", CVPR 2019 (color matrix and white balance undone).
"""

from collections import namedtuple

import numpy as np

from ..binio import PATCH_SIZE
from .expectation import expected_frame
from .optics import blur, camera_colors, to_mosaic
from .photographs import photo_scene
from .procedural import procedural_scene
from .recipes import log_uniform
from .sensor import even_parts
from .shot import add_hot_pixels, add_noise, collect_electrons, convert, draw_banding


class Clean(namedtuple("Clean", "mosaic source blur")):
    """A noise-free patch: mosaic, shape (256, 256), float32, linear light, RGGB,
    black at 0, 1 at the white level (more would saturate); the scene's source, "photograph"
    or "procedural"; the optics' blur, a standard deviation in pixels."""


def make_mosaic(rng, recipe, photographs=()):
    """Make what falls on the sensor.

    Parameters
    ----------
    rng : numpy.random.Generator
    recipe : rawkit.synth.Recipe
    photographs : list of Path
        Of `usable_photographs`.  May be empty: then every scene is procedural.

    Returns
    -------
    Clean
    """
    # scene: linear light
    photographic = rng.random() < recipe.photo_share and len(photographs) > 0
    if photographic:
        light = photo_scene(rng, photographs, PATCH_SIZE, recipe.photo_scale)
    else:
        light = procedural_scene(rng, PATCH_SIZE)
    # optics: no lens is perfectly sharp
    sigma = log_uniform(rng, *recipe.blur)
    light = blur(light, sigma)
    # color: a sensor's filters let the other colors through as well
    light = camera_colors(rng, light)
    # mosaic: one color a pixel; red and blue weaker than green, as white balance undoes later
    red_gain, blue_gain = rng.uniform(1.0, 1.8, 2)
    mosaic = to_mosaic(light, red_gain, blue_gain, recipe.neutral_white)
    # exposure: how much of the sensor's range the scene fills
    median, deviation = recipe.brightness
    brightness = min(median * np.exp(deviation * rng.standard_normal()), 0.7)
    mosaic *= np.float32(brightness / max(float(mosaic.mean()), 1e-6))
    return Clean(mosaic, "photograph" if photographic else "procedural", sigma)


def expose(mosaic, sensor, rng):
    """Photograph a clean mosaic.

    Parameters
    ----------
    mosaic : array, shape (H, W), float32, in 0-1 of the white level
    sensor : rawkit.synth.Sensor
    rng : numpy.random.Generator

    Returns
    -------
    noisy, gt : ndarrays, shape (H, W), uint16, DN
        gt is the expectation of noisy over shots, rounded; hot pixels, which
        stay from shot to shot, stand in both.
    """
    mosaic = add_hot_pixels(np.asarray(mosaic, np.float32), sensor, rng)
    noisy, gt = np.empty((2,) + mosaic.shape, np.uint16)
    parts = even_parts(sensor)
    # ground truth: the mean of all shots, clips and codes included
    for part, plain in parts:
        gt[part] = np.rint(expected_frame(mosaic[part], plain))
    # electrons: light is counted.  Noise: photons arrive at random, reading adds its own
    shots = [add_noise(collect_electrons(mosaic[part], s), s, rng) for part, s in parts]
    # ADC: gain, black level, banding, codes, clips
    banding = draw_banding(mosaic.shape, sensor, rng)
    for (part, plain), electrons in zip(parts, shots):
        noisy[part] = convert(electrons, plain, banding[part])
    return noisy, gt
