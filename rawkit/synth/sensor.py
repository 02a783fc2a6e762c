"""Sensors: how light becomes a noisy RAW frame, step by step.

`collect_electrons`, `add_noise` and `convert` are the steps; `rawkit.synth.pipeline`
puts them in order.

References
----------
Foi, Trimeche, Katkovnik, Egiazarian: "Practical Poissonian-Gaussian noise
modeling and fitting for single-image raw-data", IEEE Trans. Image Processing 2008.
Wei, Fu, Yang, Huang: "A physics-based noise formation model for extreme
low-light raw denoising", CVPR 2020 (row noise).
Cornish, Fisher: "Moments and cumulants in the specification of distributions",
Revue de l'Institut International de Statistique 1937.
"""

from collections import namedtuple

import numpy as np
from scipy.ndimage import convolve1d

from ..bayer import SCALE
from .recipes import MIXED

GAIN_STEP = 4  # DN; to which genuine patches with unequal greens are rounded
PLACES = ((0, 0), (0, 1), (1, 0), (1, 1))  # of the planes in a cell
MAX_KURTOSIS = 0.1  # excess, of a pixel's noise; above: photons are counted one by one

Sensor = namedtuple(
    "Sensor",
    "bits black_level white_level shot_noise read_noise row_noise gain hot_pixels "
    "column_noise noise_scale noise_blur",
    defaults=(0.0, (1.0, 1.0, 1.0, 1.0), 0.0),
)
Sensor.__doc__ = """What has to be known of a sensor, in DN of the file (0-65535).

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


def code_step(sensor):
    """Return the distance of two neighboring codes in DN."""
    return SCALE / 2**sensor.bits


def check_sensor(sensor):
    """Raise ValueError naming the first parameter that makes no sense."""
    rules = [
        ("bits", sensor.bits in (10, 12, 14), "10, 12 or 14"),
        ("black_level", sensor.black_level >= 0, "0 DN or more"),
        ("white_level", sensor.black_level < sensor.white_level, "above black_level"),
        ("white_level", sensor.white_level < SCALE, "below 65536 DN"),
        ("shot_noise", sensor.shot_noise > 0, "above 0 DN"),
        ("read_noise", sensor.read_noise >= 0, "0 DN or more"),
        ("row_noise", sensor.row_noise >= 0, "0 DN or more"),
        ("column_noise", sensor.column_noise >= 0, "0 DN or more"),
        ("noise_scale", len(sensor.noise_scale) == 4, "4 numbers"),
        ("noise_scale", min(sensor.noise_scale) > 0, "4 numbers above 0"),
        ("noise_blur", 0 <= sensor.noise_blur <= 1 / 3, "0 to 1/3"),
        ("gain", len(sensor.gain) == 4 and 0 < min(sensor.gain), "4 numbers above 0"),
        ("gain", max(sensor.gain) <= 1, "4 numbers up to 1"),
        ("hot_pixels", 0 <= sensor.hot_pixels <= 0.01, "a share up to 0.01"),
    ]
    for name, good, expected in rules:
        if not good:
            found = getattr(sensor, name)
            raise ValueError(f"sensor: found {name} {found}, expected {expected}")


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
    if not sensor.noise_blur and np.ptp(sensor.noise_scale) == 0 and sensor.noise_scale[0] == 1:
        return [((slice(None), slice(None)), sensor)]
    parts = []
    for (y, x), scale, gain in zip(PLACES, sensor.noise_scale, sensor.gain):
        plane = sensor._replace(
            shot_noise=sensor.shot_noise * scale**2,
            read_noise=sensor.read_noise * scale,
            gain=np.full(4, gain),
        )
        parts.append(((slice(y, None, 2), slice(x, None, 2)), plane))
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

    def log_uniform(low, high):
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    def greens(share):
        return np.array([1, 1 - share * rng.random(), 1 - share * rng.random(), 1])

    shares = recipe.kinds
    kind = int(np.searchsorted(np.cumsum(shares), rng.random() * sum(shares), "right"))
    hot = log_uniform(1e-6, 3e-4)
    if kind == 0:
        slope, read = log_uniform(*recipe.seen), log_uniform(4, 80)
        return Sensor(12, 0.0, 4095 * 16.0, slope, read, 0.0, np.ones(4), hot)
    if kind == 1:
        slope, read = log_uniform(*recipe.seen), log_uniform(130, 380)
        black = 4096.0 + rng.normal(0, 12)
        return Sensor(10, black, 1023 * 64.0, slope, read, 0.0, greens(0.015), hot)
    bits = int(rng.integers(5, 8)) * 2
    step = SCALE / 2**bits
    slope = log_uniform(*recipe.shot_noise)
    read = float(np.clip(slope * log_uniform(*recipe.read_electrons), 12, 3200))
    black = 0.0 if rng.random() < 0.4 else log_uniform(128, 8192)
    white = (2**bits - 1) * step
    if black == 0 and rng.random() < 0.3:  # subtracted without stretching what is left
        white -= step * rng.integers(0, 2**bits // 12)
    row = read * log_uniform(0.03, 0.5) if rng.random() < 0.3 else 0.0
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


def add_hot_pixels(mosaic, sensor, rng):
    """Let some pixels glow; they do so in every frame, so this belongs to the scene.

    Parameters
    ----------
    mosaic : ndarray, shape (H, W), float32, in 0-1 of the white level
    sensor : Sensor
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, the same shape; `mosaic` itself if none glows
    """
    hot = rng.poisson(sensor.hot_pixels * mosaic.size)
    if hot:
        mosaic = mosaic.copy()
        where = rng.integers(0, mosaic.size, hot)
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
    bent = skewness * np.float32(1 / 6)
    bent *= square - 1
    if skewness.max() > 0.1:
        kurtosis = electrons / (variance * variance)
        kurtosis *= square * np.float32(1 / 24) - np.float32(3 / 24)
        kurtosis -= skewness * skewness * (square * np.float32(2 / 36) - np.float32(5 / 36))
        bent += kurtosis * z
    bent += z
    bent *= deviation
    bent += electrons
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
    ndarray, shape `shape`, float32, DN / code_step; or None if there is none
    """
    if not banding_variance(sensor):
        return None
    banding = np.zeros(shape, np.float32)
    for size, deviation in (
        ((shape[0], 1), sensor.row_noise),
        ((1, shape[1]), sensor.column_noise),
    ):
        if deviation > 0:
            offsets = rng.standard_normal(size, np.float32)
            banding += offsets * np.float32(deviation / code_step(sensor))
    return banding


def convert(electrons, sensor, banding=None):
    """The ADC: gain, black level, banding, codes, clipping, digital gain.

    Parameters
    ----------
    electrons : ndarray, shape (H, W), float32
        Overwritten.
    sensor : Sensor
    banding : array as `draw_banding` gives it, the same shape, or None

    Returns
    -------
    ndarray, the same shape, uint16, DN
    """
    step, codes = code_step(sensor), electrons
    codes *= np.float32(sensor.shot_noise / step)
    codes += np.float32(sensor.black_level / step)
    if banding is not None:
        codes += banding
    np.clip(np.rint(codes, out=codes), 0, np.float32(sensor.white_level / step), out=codes)
    codes *= np.float32(step)
    return digital_gain(codes, sensor, True).astype(np.uint16)


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
