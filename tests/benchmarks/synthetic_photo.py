"""A photograph whose truth is known: our own scene, through our own sensor model.

It has what is hard: deep shadow, a lamp that is blown out, fine texture, print; its
mosaic begins with green and has a masked border of odd width.
"""

import numpy as np
from photo_files import make_photo

from rawkit.photo import tags
from rawkit.photo.dng import SRGB_TO_XYZ
from rawkit.synth import Sensor, expose, plane_noise, scene_rng
from rawkit.synth.optics import blur, to_mosaic
from rawkit.synth.procedural import procedural_scene

HEIGHT, WIDTH, BORDER = 960, 1280, 7  # pixels; the border is masked, top and left
BITS, BLACK, STEP = 14, 512, 4  # codes; a code is 4 DN
SENSOR = Sensor(BITS, BLACK * STEP, (2**BITS - 1) * STEP, 30.0, 90.0, 0.0, np.ones(4), 1e-5)
# how much of each linear sRGB color the made-up camera's red, green and blue see
FILTERS = np.array([[0.72, 0.24, 0.04], [0.10, 0.78, 0.12], [0.03, 0.22, 0.75]])
NEUTRAL = np.array([0.52, 1.0, 0.66])  # how it sees a neutral surface


def synthetic_scene():
    """Things on a table under a lamp, as the made-up camera's colors see them.

    Returns
    -------
    ndarray, shape (HEIGHT, WIDTH, 3), float32, linear light; 1 is the white level
    """
    rgb = procedural_scene(scene_rng("test", 14, 7), WIDTH)[:HEIGHT]
    y = np.arange(HEIGHT, dtype=np.float32)[:, None] - 230
    x = np.arange(WIDTH, dtype=np.float32) - 900
    away = np.sqrt(x * x + y * y)[..., None]
    light = 0.03 + 0.9 / (1 + (away / 300) ** 2.5)
    lamp = 4 * np.clip((60 - away) / 2, 0, 1) + 0.5 * np.exp(-away / 45)
    rgb = rgb * light + lamp * np.array([1.0, 0.86, 0.6], np.float32)
    return (blur(rgb.astype(np.float32), 0.7) @ (FILTERS.T * NEUTRAL)).astype(np.float32)


def make_synthetic():
    """Photograph the scene.

    Returns
    -------
    photo : Photo
        Phase GRBG; its noise profile is the sensor's true line.
    gt : ndarray, shape (HEIGHT, WIDTH), float64, codes
        The expectation of the active area over many shots, hot pixels included.
    """
    rng = scene_rng("test", 14, 8)
    padded = np.pad(synthetic_scene(), ((0, 0), (1, 1), (0, 0)), mode="reflect")  # red comes first
    seen, gt = expose(to_mosaic(padded), SENSOR, rng)
    height, width = BORDER + HEIGHT, BORDER + WIDTH
    dark = np.zeros((height + height % 2, width + width % 2), np.float32)
    mosaic = expose(dark, SENSOR._replace(hot_pixels=0), rng)[0][:height, :width] // STEP
    mosaic[BORDER:, BORDER:] = seen[:, 1:-1] // STEP
    gt = gt[:, 1:-1] / float(STEP)
    white = 2**BITS - 1
    slope, read = (x[0] for x in plane_noise(SENSOR))
    span = (white - BLACK) * STEP
    profile = np.array([[slope / span, read / span**2]])
    matrix = (FILTERS.T * NEUTRAL).T @ np.linalg.inv(SRGB_TO_XYZ)
    active = BORDER, BORDER, BORDER + HEIGHT, BORDER + WIDTH
    fields = {"white_balance": NEUTRAL, "color_matrix": matrix, "noise_profile": profile}
    fields["tags"] = {tags.NOISE_PROFILE: (12, 2, tuple(profile.ravel()))}
    mosaic = np.ascontiguousarray(mosaic)
    return make_photo(mosaic, "GRBG", active, BLACK, white, **fields), gt
