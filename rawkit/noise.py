"""The Poisson-Gaussian noise model, its photon transfer curve, and stabilisation.

In DN: var = shot_noise * (mean - black_level) + read_noise_var.  A photon moves a
pixel by `shot_noise` DN, so (mean - black_level) / shot_noise is a number of electrons.

References
----------
Foi, Trimeche, Katkovnik, Egiazarian: "Practical Poissonian-Gaussian noise
modeling and fitting for single-image raw-data", IEEE Trans. Image Processing 2008.
Makitalo, Foi: "Optimal inversion of the generalized Anscombe transformation for
Poisson-Gaussian noise", IEEE Trans. Image Processing 2013.
Wang, Huang, Xu, Liu, Liu, Wang: "Practical deep raw image denoising on mobile
devices", ECCV 2020 (the k-sigma transform).
Janesick: "Photon transfer", SPIE Press 2007.
"""

import functools
from collections import namedtuple

import numpy as np

from .bayer import pack_bayer

Curve = namedtuple("Curve", "mean variance count")


def _check(shot_noise, read_noise_var=0.0):
    for name, value, low in (("shot_noise", shot_noise, 0), ("read_noise_var", read_noise_var, -1)):
        value = np.asarray(value, np.float64)
        if not np.all(value > low) or np.any(value < 0):
            raise ValueError(
                "found %s %s, expected %s" % (name, value, "above 0" if low == 0 else "0 or more")
            )


def noise_variance(mean, shot_noise, black_level=0.0, read_noise_var=0.0):
    """Variance of a pixel whose mean is known; clipping is not considered.

    Parameters
    ----------
    mean : array or float, DN
    shot_noise, black_level, read_noise_var : DN, DN, DN**2; broadcast against `mean`

    Returns
    -------
    ndarray, float64, DN**2; never below 0

    Examples
    --------
    >>> float(noise_variance(1000.0, shot_noise=20.0, black_level=500.0, read_noise_var=100.0))
    10100.0
    """
    _check(shot_noise, read_noise_var)
    signal = np.asarray(mean, np.float64) - black_level
    return np.maximum(shot_noise * signal + read_noise_var, 0.0)


def photon_transfer_curve(noisy, gt, bins=24, low=0.0, high=65535.0):
    """Mean and variance of the residual over bins of brightness, for each plane.

    Parameters
    ----------
    noisy, gt : arrays, shape (H, W) or (N, H, W), DN
    bins : int
        Holding equally many pixels each.
    low, high : float, DN
        Ground truth outside is left out (clipped pixels vary less).

    Returns
    -------
    Curve of ndarrays, shape (4, bins): mean in DN, variance in DN**2, count
        The variance is that of the residual about its own mean in the bin;
        NaN where a bin is empty.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if noisy.shape != gt.shape:
        raise ValueError("noisy and gt differ in shape: %s and %s" % (noisy.shape, gt.shape))
    noisy, gt = (pack_bayer(np.asarray(x, np.float64)) for x in (noisy, gt))
    curve = Curve(*(np.full((4, bins), np.nan) for _ in range(3)))
    for plane in range(4):
        mean, residual = gt[..., plane, :, :].ravel(), (noisy - gt)[..., plane, :, :].ravel()
        inside = (mean >= low) & (mean <= high)
        order = np.argsort(mean[inside], kind="stable")
        parts = np.array_split(order, bins)
        for i, part in enumerate(parts):
            curve.count[plane, i] = len(part)
            if len(part):
                curve.mean[plane, i] = mean[inside][part].mean()
                curve.variance[plane, i] = residual[inside][part].var()
    return curve


def gat(bayer, shot_noise, black_level=0.0, read_noise_var=0.0):
    """Generalized Anscombe transform: DN to a scale where noise has deviation 1.

    Parameters
    ----------
    bayer : array, DN
    shot_noise, black_level, read_noise_var : DN, DN, DN**2; broadcast

    Returns
    -------
    ndarray, float32 or float64 as `bayer` (integers: float64), 0 or more

    Examples
    --------
    >>> round(float(gat(np.float64(9.625), 1.0)), 6)  # 2 sqrt(9.625 + 3/8)
    6.324555
    """
    _check(shot_noise, read_noise_var)
    bayer = _floating(bayer)
    electrons = (bayer - black_level) / shot_noise
    inside = electrons + (0.375 + read_noise_var / np.square(shot_noise))
    return 2 * np.sqrt(np.maximum(inside, 0)).astype(bayer.dtype)


def inverse_gat(stable, shot_noise, black_level=0.0, read_noise_var=0.0):
    """Exact unbiased inverse of `gat`: from the mean of the transform to the mean in DN.

    The transform of a mean is not the mean of the transform.  Above 50 electrons
    the closed form of Makitalo and Foi corrects that, below a table of
    expectations over photons and read noise.  Not clipped at the top.

    Parameters
    ----------
    stable : array
        A denoised transform, i.e. an estimate of its expectation.
    shot_noise, black_level, read_noise_var : as given to `gat`

    Returns
    -------
    ndarray, dtype of `stable`, DN, at least `black_level`
    """
    _check(shot_noise, read_noise_var)
    d = np.maximum(_floating(stable), 1e-3)
    read = np.asarray(read_noise_var / np.square(shot_noise))  # electrons**2
    algebraic = d * d / 4 - 0.375 - read
    few = np.maximum(algebraic + 0.5, 0) < INVERSE_TABLE**2
    # D^2/4 - 3/8 turns into the closed form with these terms
    many = 0.25 + np.sqrt(1.5) / 4 / d - 11 / 8 / d**2 + 5 * np.sqrt(1.5) / 8 / d**3
    electrons = algebraic + np.where(few, _inverse_shift(algebraic, read), many)
    return (black_level + shot_noise * np.maximum(electrons, 0)).astype(d.dtype)


INVERSE_TABLE = 7.0  # up to this square root of electrons
_ROWS, _COLUMNS = 29, 113  # over log(1 + read noise in electrons), root of electrons
_READ_MAX = 16.0  # electrons; above, the table's last row serves


@functools.lru_cache(maxsize=1)
def _inverse_table():
    """Electrons minus the algebraic inverse of the transform's expectation."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()
    light = np.linspace(0, INVERSE_TABLE + 0.5, 121) ** 2
    n = np.arange(int(light[-1] + 8 * light[-1] ** 0.5 + 20))
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(n[1:]))])
    log_p = n * np.log(np.maximum(light, 1e-300))[:, None] - light[:, None] - log_factorial
    axis = np.linspace(0, INVERSE_TABLE, _COLUMNS)
    table = np.empty((_ROWS, _COLUMNS))
    for row, read in enumerate(np.expm1(np.linspace(0, np.log1p(_READ_MAX), _ROWS))):
        transformed = 2 * np.sqrt(np.maximum(n[:, None] + read * nodes + 0.375 + read**2, 0))
        algebraic = (np.exp(log_p) @ (transformed @ weights)) ** 2 / 4 - 0.375 - read**2
        table[row] = np.interp(axis, np.sqrt(np.maximum(algebraic + 0.5, 0)), light - algebraic)
    return table


def _inverse_shift(algebraic, read):
    """Bilinear look-up in the table."""
    x = np.sqrt(np.clip(algebraic + 0.5, 0, INVERSE_TABLE**2)) * ((_COLUMNS - 1) / INVERSE_TABLE)
    y = np.log1p(np.minimum(np.sqrt(read), _READ_MAX)) * ((_ROWS - 1) / np.log1p(_READ_MAX))
    left = np.minimum(x.astype(np.intp), _COLUMNS - 2)
    top = np.minimum(y.astype(np.intp), _ROWS - 2)
    x, y, table = x - left, y - top, _inverse_table()
    above = table[top, left] * (1 - x) + table[top, left + 1] * x
    below = table[top + 1, left] * (1 - x) + table[top + 1, left + 1] * x
    return above * (1 - y) + below * y


def ksigma(bayer, shot_noise, black_level=0.0, read_noise_var=0.0):
    """k-sigma transform: afterwards the variance equals the mean, for every sensor.

    Parameters
    ----------
    bayer : array, DN
    shot_noise, black_level, read_noise_var : DN, DN, DN**2; broadcast

    Returns
    -------
    ndarray, float32 or float64 as `bayer` (integers: float64), electrons

    Examples
    --------
    >>> float(ksigma(np.float64(300.0), 20.0, 100.0, 400.0))  # 10 electrons + 1 for reading
    11.0
    """
    _check(shot_noise, read_noise_var)
    bayer = _floating(bayer)
    shifted = (bayer - black_level) / shot_noise + read_noise_var / np.square(shot_noise)
    return shifted.astype(bayer.dtype)


def inverse_ksigma(stable, shot_noise, black_level=0.0, read_noise_var=0.0):
    """Undo `ksigma`, exactly; it is linear, so no bias arises.

    Parameters
    ----------
    stable : array, electrons
    shot_noise, black_level, read_noise_var : as given to `ksigma`

    Returns
    -------
    ndarray, dtype of `stable`, DN
    """
    _check(shot_noise, read_noise_var)
    stable = _floating(stable)
    electrons = stable - read_noise_var / np.square(shot_noise)
    return (black_level + shot_noise * electrons).astype(stable.dtype)


def _floating(values):
    values = np.asarray(values)
    return values if values.dtype in (np.float32, np.float64) else values.astype(np.float64)
