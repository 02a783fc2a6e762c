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

from collections import namedtuple

import numpy as np

FULL_SCALE = 65536  # DN; a code of `bits` bits stands for FULL_SCALE / 2**bits DN
GAIN_STEP = 4  # DN; frames with a digital gain are rounded to this
FEW_ELECTRONS = 24  # below: exact Poisson draws; above: a normal corrected to third order
TABLE_ELECTRONS = 256  # below: expectations from a table; above: Edgeworth's series
TABLE_DENSITY = 16  # table nodes per unit of sqrt(electrons)
READ_CYCLES = 8  # standard deviations after which a normal tail counts as nothing

Sensor = namedtuple(
    "Sensor", "bits black_level white_level shot_noise read_noise_var row_noise gain hot_pixels"
)
Sensor.__doc__ = """What has to be known of a sensor, in DN of the file (0-65535).

Each field is a number, or an array with one entry per crop of a batch
(`stack_sensors`); `gain` has one more axis of length 4.

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
    """Return the distance of two neighbouring codes in DN, as float64."""
    return FULL_SCALE / 2.0 ** np.asarray(sensor.bits)


def stack_sensors(sensors):
    """Turn a list of N sensors into one `Sensor` of arrays, for a batch of N crops.

    Parameters
    ----------
    sensors : sequence of Sensor

    Returns
    -------
    Sensor of arrays (N,) float64; `gain` (N, 4)
    """
    return Sensor(*(np.array(field, np.float64) for field in zip(*sensors)))


def check_sensor(sensor):
    """Raise ValueError naming the first parameter that makes no sense.

    Parameters
    ----------
    sensor : Sensor
        Of numbers or of arrays.
    """
    rules = [
        ("bits", np.isin(sensor.bits, (10, 12, 14)), "10, 12 or 14"),
        ("black_level", np.greater_equal(sensor.black_level, 0), "0 DN or more"),
        ("white_level", np.greater(sensor.white_level, sensor.black_level), "above black_level"),
        ("white_level", np.less(sensor.white_level, FULL_SCALE), "below 65536 DN"),
        ("shot_noise", np.greater(sensor.shot_noise, 0), "above 0 DN"),
        ("read_noise_var", np.greater_equal(sensor.read_noise_var, 0), "0 DN**2 or more"),
        ("row_noise", np.greater_equal(sensor.row_noise, 0), "0 DN or more"),
        ("gain", (np.asarray(sensor.gain) > 0) & (np.asarray(sensor.gain) <= 1), "in 0-1"),
        ("hot_pixels", np.less_equal(np.abs(sensor.hot_pixels), 0.01), "a share up to 0.01"),
    ]
    for name, good, expected in rules:
        if not np.all(good):
            raise ValueError(
                "sensor: found %s %s, expected %s" % (name, getattr(sensor, name), expected)
            )


def plane_noise(sensor):
    """Return the noise of the four planes in the file, quantisation included.

    Parameters
    ----------
    sensor : Sensor
        Of numbers, or of arrays (N,).

    Returns
    -------
    shot_noise, read_noise_var : ndarrays, shape (4,) or (N, 4), DN and DN**2
        var = shot_noise * (mean - black_level) + read_noise_var, away from the
        clips; row noise and the code step's variance are in read_noise_var.
    """
    gain = np.asarray(sensor.gain, np.float64)
    dark = sensor.read_noise_var + np.square(sensor.row_noise) + code_step(sensor) ** 2 / 12
    return np.expand_dims(sensor.shot_noise, -1) * gain, np.expand_dims(dark, -1) * gain**2


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
    return _excess(mean, sigma, -skewness, step) - _excess(white - mean, sigma, skewness, step)


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


def _poisson_table():
    """P(n) for the table's nodes: rows sqrt(electrons) * TABLE_DENSITY, columns n."""
    nodes = (np.arange(int(TABLE_ELECTRONS**0.5) * TABLE_DENSITY + 2) / TABLE_DENSITY) ** 2
    n = np.arange(int(nodes[-1] + 8 * nodes[-1] ** 0.5))
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(n[1:]))])
    with np.errstate(divide="ignore", invalid="ignore"):
        log_p = n * np.log(nodes[:, None]) - nodes[:, None] - log_factorial
    log_p[0] = np.where(n == 0, 0.0, -np.inf)
    return nodes, n, np.exp(log_p)


_TABLE = []  # filled at first use: import stays quick


def _shift_table(sensor_row):
    """Expectation minus unclipped mean at the table's nodes, DN, for one sensor."""
    if not _TABLE:
        _TABLE.append(_poisson_table())
    nodes, n, probability = _TABLE[0]
    slope, black, white, sigma, step = sensor_row
    return probability @ _adc_mean(black + slope * n, sigma, step, white) - slope * nodes - black


def _column(values, batch):
    """One number per crop as float32 that broadcasts over (N, H, W)."""
    return np.broadcast_to(np.asarray(values, np.float32), (batch,))[:, None, None]


def expected_frame(scene, sensor):
    """Expectation of the clipped, quantised frame.

    Parameters
    ----------
    scene : array, shape (N, H, W) or (H, W), float32, in 0-1 of the white level;
        more than 1 saturates; below 0 counts as 0
    sensor : Sensor

    Returns
    -------
    ndarray, float32, the same shape, DN, not rounded
    """
    scene = np.asarray(scene, np.float32)
    if scene.ndim == 2:
        return expected_frame(scene[None], sensor)[0]
    batch = len(scene)
    numbers = [sensor.shot_noise, sensor.black_level, sensor.white_level]
    numbers.append(np.sqrt(sensor.read_noise_var + np.square(sensor.row_noise)))
    numbers.append(code_step(sensor))
    numbers = [np.broadcast_to(np.asarray(x, np.float64), (batch,)) for x in numbers]
    slope, black, white, sigma, step = (_column(x, batch) for x in numbers)

    electrons = np.maximum(scene, 0) * ((white - black) / slope)
    mean = black + slope * electrons
    tables = np.array([_shift_table(row) for row in zip(*numbers)], np.float32)
    few = electrons < TABLE_ELECTRONS
    which = np.broadcast_to(np.arange(batch)[:, None, None], scene.shape)[few]
    place = np.sqrt(electrons[few]) * np.float32(TABLE_DENSITY)
    left = place.astype(np.intp)
    place -= left
    flat, left = tables.ravel(), left + which * tables.shape[1]
    shift = flat[left]
    shift += place * (flat[left + 1] - shift)
    frame = mean.copy()
    frame[few] += shift

    spread = np.sqrt(slope * slope * electrons + sigma * sigma)
    near = ~few & ((mean < READ_CYCLES * spread) | (mean > white - READ_CYCLES * spread))
    if near.any():
        full = [np.broadcast_to(x, scene.shape)[near] for x in (slope, step, white)]
        deviation = np.maximum(spread[near], 1e-3)
        skewness = full[0] ** 3 * electrons[near] / deviation**3
        mean_near = np.minimum(mean[near], full[2] + 30 * deviation)
        frame[near] = mean_near + _clip_shift(mean_near, deviation, skewness, full[1], full[2])
    return _digital_gain(np.clip(frame, 0, white, out=frame), sensor)


def _digital_gain(frame, sensor):
    """Multiply the planes (in place) around the black level."""
    gain = np.broadcast_to(np.asarray(sensor.gain, np.float32), (len(frame), 4))
    black = _column(sensor.black_level, len(frame))
    for plane, (y, x) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
        factor = gain[:, plane, None, None]
        if np.any(factor != 1):
            view = frame[:, y::2, x::2]
            view *= factor
            view += black * (1 - factor)
    return frame


def _draw_electrons(electrons, rng):
    """Poisson numbers as float32: exact below FEW_ELECTRONS, else Cornish-Fisher."""
    root = np.sqrt(electrons)
    z = rng.standard_normal(electrons.shape, np.float32)
    square = z * z
    square -= 1
    counts = electrons + root * z
    counts += square / np.float32(6)
    counts -= z * square / (np.float32(72) * np.maximum(root, 1))
    few = electrons < FEW_ELECTRONS
    counts[few] = rng.poisson(electrons[few])
    return counts


def _add_hot_pixels(scene, sensor, rng):
    """A copy of the scene with dark current in a few pixels."""
    shares = np.broadcast_to(np.asarray(sensor.hot_pixels, np.float64), (len(scene),))
    scene = scene.copy()
    for crop, number in zip(scene, rng.poisson(shares * scene[0].size)):
        where = rng.integers(0, crop.size, number)
        crop.flat[where] += rng.exponential(0.15, number).astype(np.float32)
    return scene


def shoot(scene, sensor, rng):
    """Take one noisy frame; hot pixels must already be part of the scene.

    Parameters
    ----------
    scene : array, shape (N, H, W) or (H, W), float32, in 0-1 of the white level
    sensor : Sensor
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, uint16, the same shape, DN
    """
    scene = np.asarray(scene, np.float32)
    if scene.ndim == 2:
        return shoot(scene[None], sensor, rng)[0]
    batch = len(scene)
    slope, black, white = (
        _column(x, batch) for x in (sensor.shot_noise, sensor.black_level, sensor.white_level)
    )
    step = _column(code_step(sensor), batch)
    signal = _draw_electrons(np.maximum(scene, 0) * ((white - black) / slope), rng)
    signal *= slope / step
    read = rng.standard_normal(scene.shape, np.float32)
    read *= _column(np.sqrt(sensor.read_noise_var), batch) / step
    signal += read
    if np.any(sensor.row_noise):
        rows = rng.standard_normal(scene.shape[:2] + (1,), np.float32)
        signal += rows * (_column(sensor.row_noise, batch) / step)
    signal += black / step
    codes = np.clip(np.rint(signal, out=signal), 0, white / step, out=signal)
    codes *= step
    if np.any(np.asarray(sensor.gain) != 1):
        gained = np.rint(_digital_gain(codes.copy(), sensor) / GAIN_STEP) * GAIN_STEP
        one = np.all(np.broadcast_to(sensor.gain, (batch, 4)) == 1, axis=1)
        codes = np.where(one[:, None, None], codes, gained)
    return codes.astype(np.uint16)


def expose(scene, sensor, rng):
    """Photograph a clean scene: a noisy frame and the ground truth that belongs to it.

    Parameters
    ----------
    scene : array, shape (N, H, W) or (H, W), float32
        Noise-free mosaics, linear, black at 0, 1 at the white level; more saturates.
    sensor : Sensor
        One for all, or a stack with one for each crop.
    rng : numpy.random.Generator

    Returns
    -------
    noisy, gt : ndarrays of uint16, the same shape, DN
        gt is the expectation of noisy over shots, rounded; hot pixels, which
        stay from shot to shot, stand in both.

    Raises
    ------
    ValueError
        If a parameter of the sensor is out of range (named).
    """
    check_sensor(sensor)
    scene = np.asarray(scene, np.float32)
    if scene.ndim == 2:
        noisy, gt = expose(scene[None], sensor, rng)
        return noisy[0], gt[0]
    scene = _add_hot_pixels(scene, sensor, rng)
    gt = np.rint(expected_frame(scene, sensor)).astype(np.uint16)
    return shoot(scene, sensor, rng), gt


KINDS = ("12-bit", "10-bit", "any")


def random_sensor(rng, kinds=(0.35, 0.35, 0.3), shot_noise=(1.8, 800.0), seen=(14.0, 100.0)):
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

    Returns
    -------
    Sensor of numbers
    """

    def log_uniform(low, high):
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    def greens(share):
        return np.array([1, 1 - share * rng.random(), 1 - share * rng.random(), 1])

    kind = rng.choice(3, p=np.asarray(kinds, float) / np.sum(kinds))
    hot = log_uniform(1e-6, 3e-4)
    if kind == 0:
        slope, read = log_uniform(*seen), log_uniform(4, 80)
        return Sensor(12, 0.0, 4095 * 16.0, slope, read**2, 0.0, np.ones(4), hot)
    if kind == 1:
        slope, read = log_uniform(*seen), log_uniform(130, 380)
        black = 4096.0 + rng.normal(0, 12)
        return Sensor(10, black, 1023 * 64.0, slope, read**2, 0.0, greens(0.015), hot)
    bits = int(rng.choice([10, 12, 14]))
    step = FULL_SCALE / 2**bits
    slope = log_uniform(*shot_noise)
    read = float(np.clip(slope * log_uniform(0.3, 60), 12, 3200))
    black = 0.0 if rng.random() < 0.4 else log_uniform(128, 8192)
    white = (2**bits - 1) * step
    if black == 0 and rng.random() < 0.3:  # subtracted without stretching what is left
        white -= step * rng.integers(0, 2**bits // 12)
    row = read * log_uniform(0.03, 0.5) if rng.random() < 0.3 else 0.0
    gain = greens(0.03) if rng.random() < 0.3 else np.ones(4)
    return Sensor(bits, black, white, slope, read**2, row, gain, hot)
