"""Sensors: what has to be known of one, and drawing them at random.

References
----------
Foi, Trimeche, Katkovnik, Egiazarian: "Practical Poissonian-Gaussian noise
modeling and fitting for single-image raw-data", IEEE Trans. Image Processing 2008.
"""

from collections import namedtuple
from typing import NamedTuple

import numpy as np

from ..bayer import SCALE
from .recipes import MIXED, log_uniform

PLACES = ((0, 0), (0, 1), (1, 0), (1, 1))  # of the planes in a cell


class Sensor(NamedTuple):
    """What has to be known of a sensor, in DN of the file (0-65535).

    Attributes
    ----------
    bits : int
        10, 12 or 14.  The code step is 65536 / 2**bits DN.
    black_level, white_level : float, DN
        The mean of a dark pixel, and the largest value.
    shot_noise : float, DN
        Variance per DN of signal at the ADC, i.e. DN per electron.
    read_noise, row_noise : float, DN
        Standard deviations, at the ADC: of a pixel in the dark, and of an offset that a
        row shares; new in every shot.
    gain : array, shape (4,)
        Digital gain of the planes R, Gr, Gb, B around the black level, at most 1.
        In the file a plane's slope is shot_noise * gain.
    hot_pixels : float
        Share of pixels with a strong dark current, which stands in every frame.
    column_noise : float, DN
        As row_noise, of the columns.
    noise_scale : four floats
        Factors on the deviation of photon and read noise in the planes R, Gr, Gb, B: real
        sensors' greens differ by up to a third.
    noise_blur : float, 0-1/3
        Share that each neighbor of the same color has in a pixel's noise, along rows and along
        columns: what noise reduction in a camera leaves is smooth.  The deviation stays.
    """

    bits: int
    black_level: float
    white_level: float
    shot_noise: float
    read_noise: float
    row_noise: float
    gain: np.ndarray
    hot_pixels: float
    column_noise: float = 0.0
    noise_scale: tuple = (1.0, 1.0, 1.0, 1.0)
    noise_blur: float = 0.0


def code_step(sensor):
    """Return the distance of two neighboring codes in DN."""
    return SCALE / 2**sensor.bits


def plane_noise(sensor):
    """The variance line of each plane in the file.

    Returns
    -------
    shot_noise, read_noise_var : ndarrays, shape (4,), float64, DN and DN**2
        var = shot_noise * (mean - black_level) + read_noise_var, away from the
        clips.  All that does not grow with light is in read_noise_var: read noise, the
        offsets of rows and columns, and the code step's variance.
    """
    gain, scale = np.asarray(sensor.gain, np.float64), np.square(sensor.noise_scale)
    dark = sensor.read_noise**2 * scale + banding_variance(sensor) + code_step(sensor) ** 2 / 12
    return sensor.shot_noise * scale * gain, dark * gain**2


def banding_variance(sensor):
    """Variance of what rows and columns have in common, DN**2."""
    return sensor.row_noise**2 + sensor.column_noise**2


def even_parts(sensor):
    """Split a sensor into parts of the mosaic whose pixels are equally noisy.

    A plane of deviation f times as large is that of a sensor with f**2 times the shot
    noise and f times the read noise.

    Returns
    -------
    list of (index into the mosaic, Sensor)
        The whole mosaic, or its four planes.
    """
    if not sensor.noise_blur and set(sensor.noise_scale) == {1}:
        return [(np.s_[:, :], sensor)]
    parts = []
    for (y, x), scale, gain in zip(PLACES, sensor.noise_scale, sensor.gain):
        slope, read = sensor.shot_noise * scale**2, sensor.read_noise * scale
        plane = sensor._replace(shot_noise=slope, read_noise=read, gain=np.full(4, gain))
        parts.append((np.s_[y::2, x::2], plane))
    return parts


def random_sensor(rng, recipe=MIXED):
    """Draw a sensor: one of the two kinds seen in the competition, or any other.

    Parameters
    ----------
    rng : numpy.random.Generator
    recipe : rawkit.synth.Recipe
        Its kinds, shot_noise, seen and read_electrons.

    Returns
    -------
    Sensor of numbers
    """

    def greens(share):
        return np.array([1, 1 - share * rng.random(), 1 - share * rng.random(), 1])

    kind = rng.choice(3, p=np.divide(recipe.kinds, sum(recipe.kinds)))
    hot = log_uniform(rng, 1e-6, 3e-4)
    if kind == 0:
        slope, read = log_uniform(rng, *recipe.seen), log_uniform(rng, 4, 80)
        return Sensor(12, 0.0, 4095 * 16.0, slope, read, 0.0, np.ones(4), hot)
    if kind == 1:
        slope, read = log_uniform(rng, *recipe.seen), log_uniform(rng, 130, 380)
        black = 4096.0 + rng.normal(0, 12)
        return Sensor(10, black, 1023 * 64.0, slope, read, 0.0, greens(0.015), hot)
    bits = int(rng.integers(5, 8)) * 2
    step = SCALE / 2**bits
    slope = log_uniform(rng, *recipe.shot_noise)
    read = float(np.clip(slope * log_uniform(rng, *recipe.read_electrons), 12, 3200))
    black = 0.0 if rng.random() < 0.4 else log_uniform(rng, 128, 8192)
    white = (2**bits - 1) * step
    if black == 0 and rng.random() < 0.3:  # subtracted without stretching what is left
        white -= step * rng.integers(0, 2**bits // 12)
    row = read * log_uniform(rng, 0.03, 0.5) if rng.random() < 0.3 else 0.0
    gain = greens(0.03) if rng.random() < 0.3 else np.ones(4)
    return Sensor(bits, black, white, slope, read, row, gain, hot)


# how often each happens; real white levels lie up to 8 % below the nominal ones
Deviations = namedtuple("Deviations", "white rows gain black cut columns uneven smooth")
USUAL = Deviations(
    white=0.3, rows=0.15, gain=0.1, black=0.2, cut=0.1, columns=0.1, uneven=0.25, smooth=0.07
)


def vary_sensor(sensor, rng, shares=USUAL):
    """What cameras do to their frames and data sheets do not say; for training only.

    Each happens to a share: white below the nominal level, rows or columns that have an
    offset in common, a frame scaled by a digital gain, black some DN above 0, values below
    black cut, planes that differ in noise, noise that was smoothed.

    Parameters
    ----------
    sensor : Sensor
    rng : numpy.random.Generator
    shares : Deviations
        In 0-1.

    Returns
    -------
    sensor : Sensor
    offset : int, DN
        To be added to the frame: the black level at which values were cut, else 0.
    """
    happens = Deviations(*(rng.random(len(shares)) < shares))
    white, rows, gain = rng.uniform((0.92, 0.03, 0.4), (1.0, 0.5, 1.0))
    columns, blur = rng.uniform((0.03, 0.05), (0.5, 0.3))
    scale = rng.uniform(1.0, 1.4, 4)
    black = sensor.black_level
    if happens.white:
        sensor = sensor._replace(white_level=black + (sensor.white_level - black) * white)
    if happens.rows:
        sensor = sensor._replace(row_noise=max(sensor.row_noise, rows * sensor.read_noise))
    if happens.columns:
        sensor = sensor._replace(column_noise=columns * sensor.read_noise)
    if happens.uneven:
        sensor = sensor._replace(noise_scale=tuple(scale))
    if happens.smooth:
        sensor = sensor._replace(noise_blur=blur)
    if happens.gain:
        sensor = sensor._replace(gain=np.asarray(sensor.gain) * gain)
    if happens.black and black == 0:
        sensor = sensor._replace(black_level=abs(6 * rng.standard_normal()))
    if happens.cut and black > 100:
        white = sensor.white_level - int(black)
        return sensor._replace(black_level=0.0, white_level=white), int(black)
    return sensor, 0
