"""One shot: how light becomes a noisy RAW frame, step by step.

A kind of noise has its step here, its parameter in `sensor` and its range in `recipes`;
`rawkit.synth.pipeline` puts the steps in order.

References
----------
Wei, Fu, Yang, Huang: "A physics-based noise formation model for extreme
low-light raw denoising", CVPR 2020 (row noise).
Cornish, Fisher: "Moments and cumulants in the specification of distributions",
Revue de l'Institut International de Statistique 1937.
"""

import numpy as np
from scipy.ndimage import convolve1d

from .sensor import PLACES, code_step

GAIN_STEP = 4  # DN; to which genuine patches with unequal greens are rounded
MAX_KURTOSIS = 0.1  # excess, of a pixel's noise; above: photons are counted one by one


def add_hot_pixels(mosaic, sensor, rng):
    """Let some pixels glow; they do so in every frame, so this belongs to the scene.

    Parameters
    ----------
    mosaic : ndarray, shape (H, W), float32, in 0-1 of the white level
    sensor : Sensor
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, the same shape; a copy
    """
    hot = rng.poisson(sensor.hot_pixels * mosaic.size)
    where = rng.integers(0, mosaic.size, hot)
    mosaic = mosaic.copy()
    mosaic.flat[where] += rng.exponential(0.15, hot).astype(np.float32)
    return mosaic


def collect_electrons(mosaic, sensor):
    """The mean number of photo-electrons in each pixel.

    Parameters
    ----------
    mosaic : ndarray, shape (H, W), float32, in 0-1 of the white level
        More than 1 saturates later, at the ADC; below 0 counts as 0.
    sensor : Sensor

    Returns
    -------
    ndarray, the same shape, float32
    """
    full_well = (sensor.white_level - sensor.black_level) / sensor.shot_noise
    return np.maximum(mosaic, np.float32(0)) * np.float32(full_well)


def add_noise(electrons, sensor, rng):
    """Photon and read noise of one shot.

    Both are drawn together, as one normal number z bent to the skewness g and
    kurtosis k of their sum (Cornish-Fisher):
    z + g/6 (z^2 - 1) + k/24 (z^3 - 3z) - g^2/36 (2z^3 - 5z).  Where the kurtosis
    exceeds MAX_KURTOSIS that is not exact enough and photons are counted.

    Parameters
    ----------
    electrons : ndarray, shape (H, W), float32
        Their mean.
    sensor : Sensor
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, the same shape, float32, electrons
    """
    read_electrons = sensor.read_noise**2 / sensor.shot_noise**2  # variance
    variance = electrons + np.float32(max(read_electrons, 1e-12))
    deviation = np.sqrt(variance)
    skewness = electrons / (variance * deviation)
    z = rng.standard_normal(electrons.shape, np.float32)
    if sensor.noise_blur:
        z = _smooth(z, sensor.noise_blur)
    square = z * z
    bent = skewness * np.float32(1 / 6) * (square - 1)
    if skewness.max() > 0.1:
        kurtosis = electrons / (variance * variance)
        kurtosis *= square * np.float32(1 / 24) - np.float32(3 / 24)
        kurtosis -= skewness * skewness * (square * np.float32(2 / 36) - np.float32(5 / 36))
        bent += kurtosis * z
    bent = (bent + z) * deviation + electrons
    if electrons.min() < 1 / MAX_KURTOSIS and read_electrons < 0.25 / MAX_KURTOSIS:
        count = electrons > np.float32(MAX_KURTOSIS) * variance * variance
        bent[count] = rng.poisson(electrons[count]) + z[count] * np.float32(read_electrons**0.5)
    return bent


def _smooth(z, share):
    """White noise of deviation 1 made smooth; it keeps the deviation."""
    kernel = np.array([share, 1 - 2 * share, share], np.float32)
    kernel /= np.sqrt(np.square(kernel).sum())
    for axis in (0, 1):
        z = convolve1d(z, kernel, axis, mode="wrap")
    return z


def draw_banding(shape, sensor, rng):
    """What the rows and columns of one shot have in common.

    Returns
    -------
    ndarray, shape `shape`, float32, DN / code_step
    """
    banding = np.zeros(shape, np.float32)
    rows, columns = (shape[0], 1), (1, shape[1])
    for size, deviation in ((rows, sensor.row_noise), (columns, sensor.column_noise)):
        if deviation > 0:
            offsets = rng.standard_normal(size, np.float32)
            banding += offsets * np.float32(deviation / code_step(sensor))
    return banding


def convert(electrons, sensor, banding):
    """The ADC: gain, black level, banding, codes, clipping, digital gain.

    Parameters
    ----------
    electrons : ndarray, shape (H, W), float32
    sensor : Sensor
    banding : array as `draw_banding` gives it, the same shape

    Returns
    -------
    ndarray, the same shape, uint16, DN
    """
    step = code_step(sensor)
    volts = electrons * np.float32(sensor.shot_noise / step) + np.float32(sensor.black_level / step)
    codes = np.clip(np.rint(volts + banding), 0, np.float32(sensor.white_level / step))
    return digital_gain(codes * np.float32(step), sensor, True).astype(np.uint16)


def digital_gain(frame, sensor, rounded):
    """Multiply the planes of a mosaic around the black level, in place.

    Parameters
    ----------
    frame : ndarray, shape (H, W), float32, DN
    sensor : Sensor
    rounded : bool
        To GAIN_STEP, as cameras do.

    Returns
    -------
    ndarray, `frame` itself
    """
    for factor, (y, x) in zip(sensor.gain, PLACES):
        if factor != 1:
            plane = frame[y::2, x::2]
            plane *= np.float32(factor)
            plane += np.float32(sensor.black_level * (1 - factor))
            if rounded:
                np.rint(plane * np.float32(1 / GAIN_STEP), out=plane)
                plane *= np.float32(GAIN_STEP)
    return frame
