"""The generalized Anscombe transform: afterwards noise has deviation 1, whatever the sensor.

The same lines serve NumPy and networks: `xp` is the module that computes, `numpy` or
`megengine.functional`.

References
----------
Makitalo, Foi: "Optimal inversion of the generalized Anscombe transformation for
Poisson-Gaussian noise", IEEE Trans. Image Processing 2013.  Here the inverse is the
algebraic one: a network learns what is missing to the unbiased one.
"""

import numpy as np

# Below this the root is continued by its tangent: where a line is too steep, pixels
# darker than its zero are kept apart.  3/8 is where the transform of 0 photons lies.
TOE = 0.375
LEAST_SLOPE = 0.1  # DN; a seventh of the smallest slope of any sensor of `rawkit.synth`
# A slope of almost nothing (all pixels clipped, or noise without light) would make the
# electrons too many for float32: the read noise is taken for at most so many.
MOST_READ_ELECTRONS = 300.0


def _electrons(shot_noise, intercept, xp):
    """DN of an electron, and the constant to add to a number of electrons."""
    least = xp.sqrt(xp.maximum(intercept, 0.0)) / MOST_READ_ELECTRONS
    electron = xp.maximum(shot_noise, xp.maximum(least, LEAST_SLOPE))
    return electron, intercept / (electron * electron) + TOE


def gat(bayer, shot_noise, intercept, xp=np):
    """Transform DN to a scale on which the noise has deviation 1.

    Parameters
    ----------
    bayer : array or tensor, DN
    shot_noise, intercept : of the variance line, DN and DN**2; broadcast against `bayer`
    xp : module
        `numpy` or `megengine.functional`.

    Returns
    -------
    same kind as `bayer`; continued below 0 by a line, nothing is clipped

    Examples
    --------
    >>> round(float(gat(9.625, 1.0, 0.0)), 6)  # 2 sqrt(9.625 + 3/8)
    6.324555
    """
    electron, constant = _electrons(shot_noise, intercept, xp)
    z = bayer / electron + constant
    above = xp.maximum(z, TOE)
    return 2 * xp.sqrt(above) + (z - above) / TOE**0.5


def inverse_gat(stable, shot_noise, intercept, xp=np):
    """Undo `gat` exactly; parameters and result as there.

    Examples
    --------
    >>> round(float(inverse_gat(gat(100.0, 20.0, 400.0), 20.0, 400.0)), 9)
    100.0
    """
    electron, constant = _electrons(shot_noise, intercept, xp)
    above = xp.maximum(stable, 2 * TOE**0.5)
    z = above * above / 4 + (stable - above) * TOE**0.5  # a power would be slow on a CPU
    return electron * (z - constant)
