"""Sensors: how a scene becomes a noisy RAW frame, and what a long burst would show.

A scene value of 1 fills a pixel up to the white level.  A sensor turns it into
photo-electrons (Poisson), adds read and row noise (normal), and quantises and
clips (ADC).  The ground truth is the expectation of that clipped, quantised
frame, so the noise has mean zero everywhere, the clips included.

References
----------
Foi, Trimeche, Katkovnik, Egiazarian: "Practical Poissonian-Gaussian noise
modeling and fitting for single-image raw-data", IEEE Trans. Image Processing 2008.
Wei, Fu, Yang, Huang: "A physics-based noise formation model for extreme
low-light raw denoising", CVPR 2020 (row noise).
Cornish, Fisher: "Moments and cumulants in the specification of distributions",
Revue de l'Institut International de Statistique 1937.
"""

import functools
from collections import namedtuple

import numpy as np

FULL_SCALE = 65536  # DN; a code of `bits` bits stands for FULL_SCALE / 2**bits DN
GAIN_STEP = 4  # DN; frames with a digital gain are rounded to this
MAX_KURTOSIS = 0.1  # excess, of a pixel's noise; above: photons are counted one by one
TABLE_ELECTRONS = 256  # below: expectations from a table; above: Edgeworth's series
TABLE_DENSITY = 16  # table nodes per unit of sqrt(electrons)
READ_CYCLES = 6  # standard deviations after which a normal tail counts as nothing

Sensor = namedtuple(
    "Sensor", "bits black_level white_level shot_noise read_noise_var row_noise gain hot_pixels"
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
read_noise_var : float, DN**2
    Variance in the dark at the ADC, without quantisation (code step**2 / 12).
row_noise : float, DN
    Standard deviation of an offset that a row shares; new in every shot.
gain : array, shape (4,)
    Digital gain of the planes R, Gr, Gb, B around the black level, at most 1.
    In the file a plane's slope is shot_noise * gain, its variance in the dark
    read_noise_var * gain**2.
hot_pixels : float
    Share of pixels with a strong dark current, which stands in every frame.
"""


def code_step(sensor):
    """Return the distance of two neighbouring codes in DN."""
    return FULL_SCALE / 2**sensor.bits


def check_sensor(sensor):
    """Raise ValueError naming the first parameter that makes no sense."""
    rules = [
        ("bits", sensor.bits in (10, 12, 14), "10, 12 or 14"),
        ("black_level", sensor.black_level >= 0, "0 DN or more"),
        ("white_level", sensor.black_level < sensor.white_level, "above black_level"),
        ("white_level", sensor.white_level < FULL_SCALE, "below 65536 DN"),
        ("shot_noise", sensor.shot_noise > 0, "above 0 DN"),
        ("read_noise_var", sensor.read_noise_var >= 0, "0 DN**2 or more"),
        ("row_noise", sensor.row_noise >= 0, "0 DN or more"),
        ("gain", len(sensor.gain) == 4 and 0 < min(sensor.gain), "4 numbers above 0"),
        ("gain", max(sensor.gain) <= 1, "4 numbers up to 1"),
        ("hot_pixels", 0 <= sensor.hot_pixels <= 0.01, "a share up to 0.01"),
    ]
    for name, good, expected in rules:
        if not good:
            raise ValueError(
                "sensor: found %s %s, expected %s" % (name, getattr(sensor, name), expected)
            )


def plane_noise(sensor):
    """Return the noise of the four planes in the file, quantisation included.

    Returns
    -------
    shot_noise, read_noise_var : ndarrays, shape (4,), float64, DN and DN**2
        var = shot_noise * (mean - black_level) + read_noise_var, away from the
        clips; row noise and the code step's variance are in read_noise_var.
    """
    gain = np.asarray(sensor.gain, np.float64)
    dark = sensor.read_noise_var + sensor.row_noise**2 + code_step(sensor) ** 2 / 12
    return sensor.shot_noise * gain, dark * gain**2


def normal_cdf(z):
    """Distribution function of the standard normal, to 1e-7 (Abramowitz & Stegun 7.1.26)."""
    x = np.abs(z) / np.sqrt(2)
    t = 1 / (1 + 0.3275911 * x)
    series = t * (
        0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))
    )
    tail = 0.5 * series * np.exp(-x * x)
    return np.where(z < 0, tail, 1 - tail)


def _excess(distance, sigma, skewness, step):
    """Mean excess over a clip `distance` above the mean, DN (Edgeworth, two terms).

    The last term is what rounding to codes changes (Euler-Maclaurin).
    """
    z = distance / sigma
    density = np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)
    mean_excess = density - z * normal_cdf(-z) + skewness / 6 * z * density
    skewed = density * (1 + skewness / 6 * (z**3 - 3 * z))
    return sigma * mean_excess - step**2 / 24 / sigma * skewed


def _clip_shift(mean, sigma, skewness, step, white):
    """How far clipping at 0 and `white` moves a mean, DN."""
    shift, reach = np.zeros(mean.shape), READ_CYCLES * np.max(sigma)
    if mean.min() < reach:
        shift += _excess(mean, sigma, -skewness, step)
    if mean.max() > white - reach:
        shift -= _excess(white - mean, sigma, skewness, step)
    return shift


def _adc_mean(x, sigma, step, white):
    """Expectation of ADC(x + normal noise), DN, for each x; exact for few codes."""
    if sigma >= 0.75 * step:
        return x + _clip_shift(x, sigma, 0.0, step, white)
    first = np.rint(x / step)[..., None]
    codes = first + np.arange(-6, 7)  # rounding up to code c begins at (c - 1/2) steps
    above = normal_cdf((x[..., None] - (codes - 0.5) * step) / max(sigma, 1e-3 * step))
    real = (codes >= 1) & (codes <= white / step)
    below = np.clip(first[..., 0] - 7, 0, white / step)
    return step * (below + (above * real).sum(-1))


@functools.lru_cache(maxsize=1)
def _poisson_table():
    """P(n) for the table's nodes, row sqrt(electrons) * TABLE_DENSITY, column n."""
    nodes = (np.arange(int(TABLE_ELECTRONS**0.5) * TABLE_DENSITY + 2) / TABLE_DENSITY) ** 2
    n = np.arange(int(nodes[-1] + 8 * nodes[-1] ** 0.5 + 20))
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(n[1:]))])
    log_p = n * np.log(np.maximum(nodes, 1e-300))[:, None] - nodes[:, None] - log_factorial
    return nodes, n, np.exp(log_p).astype(np.float32)


def _ladder(sensor):
    """Slope, black, white, deviation in the dark (row noise included), step; floats, DN."""
    sigma = (sensor.read_noise_var + sensor.row_noise**2) ** 0.5
    return sensor.shot_noise, sensor.black_level, sensor.white_level, sigma, code_step(sensor)


def _clip_limits(slope, black, white, sigma):
    """Electrons below and above which the clips at 0 and white move the mean.

    Where a signal of m DN has the clip READ_CYCLES deviations away:
    black + m = R sqrt(slope m + sigma^2) and white - black - m = the same.
    """
    reach, room = READ_CYCLES**2, white - black
    half = reach * slope / 2 - black
    root = half**2 + reach * sigma**2 - black**2
    dark = max((half + root**0.5) / slope, 0.0) if root > 0 else 0.0
    half = reach * slope / 2 + room
    bright = (half - (half**2 + reach * sigma**2 - room**2) ** 0.5) / slope
    return dark, bright


def _table_shift(limit, slope, black, white, sigma, step):
    """Expectation minus unclipped mean at the table's nodes up to `limit`, DN."""
    nodes, n, probability = _poisson_table()
    rows = int(limit**0.5 * TABLE_DENSITY) + 2
    columns = min(int(limit + 8 * limit**0.5 + 20), len(n))
    mean = _adc_mean(black + slope * n[:columns], sigma, step, white)
    shift = (mean - black - slope * n[:columns]).astype(np.float32)
    return np.einsum("rn,n->r", probability[:rows, :columns], shift)  # without BLAS's threads


def expected_frame(scene, sensor):
    """Expectation of the clipped, quantised frame.

    Few electrons are summed over exactly, in a table; for many the unclipped
    mean is right except near the clips, where Edgeworth's series serves.

    Parameters
    ----------
    scene : array, shape (H, W), float32, in 0-1 of the white level
        More than 1 saturates; below 0 counts as 0.
    sensor : Sensor

    Returns
    -------
    ndarray, shape (H, W), float32, DN, not rounded
    """
    slope, black, white, sigma, step = _ladder(sensor)
    electrons = np.maximum(scene, np.float32(0)) * np.float32((white - black) / slope)
    frame = electrons * np.float32(slope)
    frame += np.float32(black)

    dark, bright = _clip_limits(slope, black, white, sigma)
    coarse = ((0.75 * step) ** 2 - sigma**2) / slope**2  # electrons; codes dithered beyond
    limit = TABLE_ELECTRONS if bright < TABLE_ELECTRONS else max(dark, coarse)
    limit = min(limit, TABLE_ELECTRONS)
    darkest, brightest = electrons.min(), electrons.max()
    if darkest < limit:
        shift = _table_shift(limit, slope, black, white, sigma, step)
        place = np.sqrt(np.minimum(electrons, np.float32(limit)))
        place *= np.float32(TABLE_DENSITY)
        left = place.astype(np.intp)
        place -= left
        correction = np.take(np.diff(shift), left)
        correction *= place
        correction += np.take(shift, left)
        correction *= electrons < limit
        frame += correction
    if brightest > bright or darkest < dark and dark > limit:
        near = (electrons >= limit) & ((electrons < dark) | (electrons > bright))
        if near.any():
            mean = np.minimum(frame[near].astype(np.float64), 4 * white)
            deviation = np.sqrt(slope * (mean - black) + sigma**2)
            skewness = slope**2 * (mean - black) / deviation**3
            frame[near] = mean + _clip_shift(mean, deviation, skewness, step, white)
    saturated = frame > white - 0.01
    frame = _digital_gain(np.clip(frame, 0, np.float32(white), out=frame), sensor, False)
    if min(sensor.gain) < 1 and saturated.any():  # always the same code, so rounded alike
        frame[saturated] = np.rint(frame[saturated] / GAIN_STEP) * GAIN_STEP
    return frame


def _digital_gain(frame, sensor, rounded):
    """Multiply the planes of a mosaic around the black level, in place."""
    for factor, (y, x) in zip(sensor.gain, ((0, 0), (0, 1), (1, 0), (1, 1))):
        if factor != 1:
            plane = frame[y::2, x::2]
            plane *= np.float32(factor)
            plane += np.float32(sensor.black_level * (1 - factor))
            if rounded:
                np.rint(plane * np.float32(1 / GAIN_STEP), out=plane)
                plane *= np.float32(GAIN_STEP)
    return frame


def shoot(scene, sensor, rng):
    """Take one noisy frame; hot pixels must already be part of the scene.

    Photon and read noise are drawn together, as one normal number z bent to the
    skewness g and kurtosis k of their sum (Cornish-Fisher):
    z + g/6 (z^2 - 1) + k/24 (z^3 - 3z) - g^2/36 (2z^3 - 5z).  Where the kurtosis
    exceeds MAX_KURTOSIS that is not exact enough and photons are counted.

    Parameters
    ----------
    scene : array, shape (H, W), float32, in 0-1 of the white level
    sensor : Sensor
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (H, W), uint16, DN
    """
    slope, black, white, _, step = _ladder(sensor)
    read_electrons = sensor.read_noise_var / slope**2
    electrons = np.maximum(scene, np.float32(0)) * np.float32((white - black) / slope)
    variance = electrons + np.float32(max(read_electrons, 1e-12))
    deviation = np.sqrt(variance)
    skewness = electrons / (variance * deviation)
    z = rng.standard_normal(electrons.shape, np.float32)
    square = z * z
    bent = skewness * np.float32(1 / 6)
    bent *= square - 1
    if skewness.max() > 0.1:
        third = electrons / (variance * variance)  # the kurtosis
        third *= square * np.float32(1 / 24) - np.float32(3 / 24)
        third -= skewness * skewness * (square * np.float32(2 / 36) - np.float32(5 / 36))
        bent += third * z
    bent += z
    bent *= deviation
    bent += electrons
    if electrons.min() < 1 / MAX_KURTOSIS and read_electrons < 0.25 / MAX_KURTOSIS:
        count = electrons > np.float32(MAX_KURTOSIS) * variance * variance
        bent[count] = rng.poisson(electrons[count]) + z[count] * np.float32(read_electrons**0.5)
    bent *= np.float32(slope / step)
    bent += np.float32(black / step)
    if sensor.row_noise > 0:
        rows = rng.standard_normal((len(scene), 1), np.float32)
        bent += rows * np.float32(sensor.row_noise / step)
    codes = np.clip(np.rint(bent, out=bent), 0, np.float32(white / step), out=bent)
    codes *= np.float32(step)
    return _digital_gain(codes, sensor, True).astype(np.uint16)


def expose(scene, sensor, rng):
    """Photograph a clean scene: a noisy frame and the ground truth that belongs to it.

    Parameters
    ----------
    scene : array, shape (H, W) or (N, H, W), float32
        Noise-free mosaics, linear, black at 0, 1 at the white level; more saturates.
    sensor : Sensor, or for a batch a sequence of N of them
    rng : numpy.random.Generator

    Returns
    -------
    noisy, gt : ndarrays of uint16, the scene's shape, DN
        gt is the expectation of noisy over shots, rounded; hot pixels, which
        stay from shot to shot, stand in both.

    Raises
    ------
    ValueError
        If a parameter of a sensor is out of range (named), or the numbers of
        scenes and sensors differ.
    """
    scene = np.asarray(scene, np.float32)
    if scene.ndim == 3:
        if len(scene) != len(sensor):
            raise ValueError("found %d scenes and %d sensors" % (len(scene), len(sensor)))
        noisy, gt = np.empty(scene.shape, np.uint16), np.empty(scene.shape, np.uint16)
        for i, (crop, one) in enumerate(zip(scene, sensor)):
            noisy[i], gt[i] = expose(crop, one, rng)
        return noisy, gt
    check_sensor(sensor)
    hot = rng.poisson(sensor.hot_pixels * scene.size)
    if hot:
        scene = scene.copy()
        where = rng.integers(0, scene.size, hot)
        scene.flat[where] += rng.exponential(0.15, hot).astype(np.float32)
    gt = np.rint(expected_frame(scene, sensor)).astype(np.uint16)
    return shoot(scene, sensor, rng), gt


def random_sensor(
    rng,
    kinds=(0.35, 0.35, 0.3),
    shot_noise=(1.8, 800.0),
    seen=(14.0, 100.0),
    read_electrons=(0.3, 60.0),
):
    """Draw a sensor: one of the two kinds seen in the competition, or any other.

    Parameters
    ----------
    rng : numpy.random.Generator
    kinds : three shares
        "12-bit": black removed, little read noise.  "10-bit": black kept near
        4096 DN, 160-315 DN of read noise, unequal greens.  "any": everything.
    shot_noise : (low, high), DN
        Slopes of the "any" kind, log-uniform.
    seen : (low, high), DN
        Slopes of the two seen kinds, log-uniform.
    read_electrons : (low, high)
        Read noise of the "any" kind over its slope, log-uniform, at 12 to 3200 DN.

    Returns
    -------
    Sensor of numbers
    """

    def log_uniform(low, high):
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    def greens(share):
        return np.array([1, 1 - share * rng.random(), 1 - share * rng.random(), 1])

    kind = int(np.searchsorted(np.cumsum(kinds), rng.random() * sum(kinds), "right"))
    hot = log_uniform(1e-6, 3e-4)
    if kind == 0:
        slope, read = log_uniform(*seen), log_uniform(4, 80)
        return Sensor(12, 0.0, 4095 * 16.0, slope, read**2, 0.0, np.ones(4), hot)
    if kind == 1:
        slope, read = log_uniform(*seen), log_uniform(130, 380)
        black = 4096.0 + rng.normal(0, 12)
        return Sensor(10, black, 1023 * 64.0, slope, read**2, 0.0, greens(0.015), hot)
    bits = int(rng.integers(5, 8)) * 2
    step = FULL_SCALE / 2**bits
    slope = log_uniform(*shot_noise)
    read = float(np.clip(slope * log_uniform(*read_electrons), 12, 3200))
    black = 0.0 if rng.random() < 0.4 else log_uniform(128, 8192)
    white = (2**bits - 1) * step
    if black == 0 and rng.random() < 0.3:  # subtracted without stretching what is left
        white -= step * rng.integers(0, 2**bits // 12)
    row = read * log_uniform(0.03, 0.5) if rng.random() < 0.3 else 0.0
    gain = greens(0.03) if rng.random() < 0.3 else np.ones(4)
    return Sensor(bits, black, white, slope, read**2, row, gain, hot)
