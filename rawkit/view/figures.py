"""Static figures and the one style of all plots in the suite.

Colors: Okabe and Ito, "Color Universal Design", 2008 (told apart by color-blind
readers too); the error maps use matplotlib's "inferno", which also reads in gray.
"""

import sys
from pathlib import Path

import matplotlib
import matplotlib.style
import numpy as np

from ..bayer import PLANES

COLORS = {
    "noisy": "#D55E00",
    "pred": "#0072B2",
    "validation": "#009E73",
    "other": "#CC79A7",
    # the planes: two greens that differ in lightness
    "R": "#D55E00",
    "Gr": "#009E73",
    "Gb": "#7CCBA2",
    "B": "#0072B2",
}
DPI = 100  # as in suite.mplstyle; plots are 640 pixels wide, read at 390 as well
ERROR_LIMIT = 10  # sqrt(DN), the white end of every error map
RESIDUAL_LIMIT = 20  # sqrt(DN), the black and the white end of every residual


def use_style():
    """Set matplotlib's defaults for the suite: 640 pixels wide, readable, calm.

    Call it once, after the imports.  Only defaults change; anything can still be
    given in the plot itself.  The reader's own settings of matplotlib are put aside;
    in a notebook so is a backend that shows nothing there, such as MPLBACKEND=Agg.
    """
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    shown_in_notebooks = ("inline", "ipympl", "nbagg", "widget")
    if hasattr(shell, "kernel"):
        if not any(name in matplotlib.get_backend().lower() for name in shown_in_notebooks):
            shell.run_line_magic("matplotlib", "inline")
    matplotlib.rcdefaults()
    matplotlib.style.use(str(Path(__file__).with_name("suite.mplstyle")))


def paint_error(pred, gt):
    """Draw the error of every pixel in the unit of `normalized_l1`, whose number is their mean.

    Parameters
    ----------
    pred, gt : arrays, shape (H, W), any real dtype, DN

    Returns
    -------
    ndarray, shape (H, W, 3), uint8
        |pred - gt| / sqrt(mean gt): black is 0, white is ERROR_LIMIT or more.  A mean
        below 1 DN counts as 1.
    """
    pred, gt = np.asarray(pred, np.float64), np.asarray(gt, np.float64)
    return _paint(np.abs(pred - gt) / np.sqrt(max(gt.mean(), 1)) / ERROR_LIMIT, "inferno")


def paint_residual(noisy, pred):
    """Draw what the denoiser removed from every pixel.

    Pure noise is right; edges or texture in it are detail lost.

    Parameters
    ----------
    noisy, pred : arrays, shape (H, W), any real dtype, DN

    Returns
    -------
    ndarray, shape (H, W, 3), uint8
        (noisy - pred) / sqrt(mean noisy): mid-gray is 0, black and white are
        -+RESIDUAL_LIMIT or more.
    """
    noisy, pred = np.asarray(noisy, np.float64), np.asarray(pred, np.float64)
    removed = (noisy - pred) / np.sqrt(max(noisy.mean(), 1))
    return _paint(0.5 + removed / (2 * RESIDUAL_LIMIT), "gray")


def _paint(values_01, name):
    return matplotlib.colormaps[name](np.clip(values_01, 0, 1), bytes=True)[..., :3]


def plane_colors():
    """The colors of R, Gr, Gb and B in plots: a list of 4 str."""
    return [COLORS[plane] for plane in PLANES]


def log_ticks(*axes, marks=None):
    """Label the logarithmic axes with plain numbers, few enough to be read.

    1, 2 and 5 of each decade; 1 and 3 where an axis spans two decades, 1 where it spans four.

    Parameters
    ----------
    *axes : matplotlib.axes.Axes
        With their data drawn.
    marks : tuple of int, optional
        Of each decade, instead.
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    for one in axes:
        for axis in (one.xaxis, one.yaxis):
            if axis.get_scale() == "log":
                decades = np.ptp(np.log10(axis.get_view_interval()))
                usual = (1, 2, 5) if decades < 2 else (1, 3) if decades < 4 else (1,)
                axis.set_major_locator(LogLocator(subs=marks or usual, numticks=20))
                axis.set_major_formatter("{x:g}")
                axis.set_minor_formatter(NullFormatter())
