"""What a long burst would show: the expectation of the clipped, quantized frame.

References
----------
Foi: "Clipped noisy images: heteroskedastic modeling and practical denoising",
Signal Processing 2009 (clipping moves the mean).
Cramer: "Mathematical methods of statistics", Princeton 1946 (Edgeworth's series).
"""

import functools

import numpy as np
from scipy.special import gammaln, ndtr, xlogy

from .sensor import banding_variance, code_step
from .shot import GAIN_STEP, collect_electrons, digital_gain

TABLE_ELECTRONS = 256  # below: expectations from a table; above: Edgeworth's series
TABLE_DENSITY = 16  # table nodes per unit of sqrt(electrons)
READ_CYCLES = 6  # standard deviations after which a normal tail counts as nothing


def _excess(distance, sigma, skewness, step):
    """Mean excess over a clip `distance` above the mean, DN (Edgeworth, two terms).

    The last term is what rounding to codes changes (Euler-Maclaurin).
    """
    z = distance / sigma
    density = np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)
    mean_excess = density - z * ndtr(-z) + skewness / 6 * z * density
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
    above = ndtr((x[..., None] - (codes - 0.5) * step) / max(sigma, 1e-3 * step))
    real = (codes >= 1) & (codes <= white / step)
    below = np.clip(first[..., 0] - 7, 0, white / step)
    return step * (below + (above * real).sum(-1))


@functools.lru_cache(maxsize=1)
def _poisson_table():
    """P(n) for the table's nodes, row sqrt(electrons) * TABLE_DENSITY, column n."""
    nodes = (np.arange(int(TABLE_ELECTRONS**0.5) * TABLE_DENSITY + 2) / TABLE_DENSITY) ** 2
    n = np.arange(int(nodes[-1] + 8 * nodes[-1] ** 0.5 + 20))
    log_p = xlogy(n, nodes[:, None]) - nodes[:, None] - gammaln(n + 1)
    return nodes, n, np.exp(log_p).astype(np.float32)


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
    """Expectation of the clipped, quantized frame.

    Few electrons are summed over exactly, in a table; for many the unclipped
    mean is right except near the clips, where Edgeworth's series serves.

    Parameters
    ----------
    scene : array, shape (H, W), float32, in 0-1 of the white level
        More than 1 saturates; below 0 counts as 0.
    sensor : Sensor
        Of equally noisy pixels: a part of `even_parts`.

    Returns
    -------
    ndarray, shape (H, W), float32, DN, not rounded
    """
    slope, black, white = sensor.shot_noise, sensor.black_level, sensor.white_level
    sigma = (sensor.read_noise**2 + banding_variance(sensor)) ** 0.5  # in the dark
    step = code_step(sensor)
    electrons = collect_electrons(scene, sensor)
    frame = electrons * np.float32(slope) + np.float32(black)

    dark, bright = _clip_limits(slope, black, white, sigma)
    coarse = ((0.75 * step) ** 2 - sigma**2) / slope**2  # electrons; codes dithered beyond
    limit = TABLE_ELECTRONS if bright < TABLE_ELECTRONS else max(dark, coarse)
    limit = min(limit, TABLE_ELECTRONS)
    if electrons.min() < limit:
        shift = _table_shift(limit, slope, black, white, sigma, step)
        place = np.sqrt(np.minimum(electrons, np.float32(limit))) * np.float32(TABLE_DENSITY)
        fraction, node = np.modf(place)
        node = node.astype(np.intp)
        correction = np.take(np.diff(shift), node) * fraction + np.take(shift, node)
        frame += correction * (electrons < limit)
    near = (electrons >= limit) & ((electrons < dark) | (electrons > bright))
    if near.any():
        mean = np.minimum(frame[near].astype(np.float64), 4 * white)
        deviation = np.sqrt(slope * (mean - black) + sigma**2)
        skewness = slope**2 * (mean - black) / deviation**3
        frame[near] = mean + _clip_shift(mean, deviation, skewness, step, white)
    saturated = frame > white - 0.01
    frame = digital_gain(np.clip(frame, 0, np.float32(white), out=frame), sensor, False)
    if min(sensor.gain) < 1 and saturated.any():  # always the same code, so rounded alike
        frame[saturated] = np.rint(frame[saturated] / GAIN_STEP) * GAIN_STEP
    return frame
