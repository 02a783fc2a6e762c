"""Static figures and the one style of all plots in the suite.

Colors: Okabe and Ito, "Color Universal Design", 2008 (told apart by color-blind
readers too); the error maps use matplotlib's "inferno", which also reads in gray.
"""

import sys

import matplotlib
import numpy as np
from matplotlib.patches import Rectangle

from ..bayer import PLANES
from .rendering import (
    busiest_part,
    check_bayer,
    check_shapes,
    estimate_rendering,
    patch_error,
    render,
)

COLORS = {
    "noisy": "#D55E00",
    "pred": "#0072B2",
    "gt": "#000000",
    "baseline": "#56B4E9",
    "validation": "#009E73",
    "other": "#CC79A7",
    "highlight": "#E69F00",
    # the planes: two greens that differ in lightness
    "R": "#D55E00",
    "Gr": "#009E73",
    "Gb": "#7CCBA2",
    "B": "#0072B2",
}
CYCLE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DPI = 100
WIDTH = 800  # pixels; every figure of the suite is readable at this width
ERROR_LIMIT = 10  # sqrt(DN), the white end of every error map
RESIDUAL_LIMIT = 20  # sqrt(DN), the black and the white end of every residual


def use_style():
    """Set matplotlib's defaults for the suite: 800 pixels wide, readable, calm.

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
    matplotlib.rcParams.update(
        {
            "figure.dpi": DPI,
            "savefig.dpi": DPI,
            "figure.figsize": (WIDTH / DPI, 3.6),
            "figure.constrained_layout.use": True,
            "font.size": 11,
            "axes.titlesize": 12,
            "axes.titlelocation": "left",
            "axes.titleweight": "bold",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": "#E3E3E3",
            "grid.linewidth": 0.8,
            "lines.linewidth": 1.8,
            "legend.frameon": False,
            "axes.prop_cycle": matplotlib.cycler(color=CYCLE),
            "image.cmap": "gray",
            "image.interpolation": "nearest",
        }
    )


def error_map(pred, gt):
    """The error of every pixel, in the unit of `normalized_l1`: its mean is that number.

    Parameters
    ----------
    pred, gt : arrays, shape (H, W), any real dtype, DN

    Returns
    -------
    ndarray, shape (H, W), float64, sqrt(DN)
        |pred - gt| / sqrt(mean gt); not clipped.  A mean below 1 DN counts as 1.

    Examples
    --------
    >>> error_map(np.full((2, 2), 90), np.full((2, 2), 100)).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    pred, gt = np.asarray(pred, np.float64), np.asarray(gt, np.float64)
    return np.abs(pred - gt) / np.sqrt(max(gt.mean(), 1))


def residual_map(noisy, pred):
    """What the denoiser removed from every pixel.

    Pure noise is right; edges or texture in it are detail lost.

    Parameters
    ----------
    noisy, pred : arrays, shape (H, W), any real dtype, DN

    Returns
    -------
    ndarray, shape (H, W), float64, sqrt(DN)
        (noisy - pred) / sqrt(mean noisy); not clipped.
    """
    noisy, pred = np.asarray(noisy, np.float64), np.asarray(pred, np.float64)
    return (noisy - pred) / np.sqrt(max(noisy.mean(), 1))


def paint_error(pred, gt, limit=ERROR_LIMIT):
    """`error_map` as a picture: black is right, white is `limit` sqrt(DN) or more.

    Returns
    -------
    ndarray, shape (H, W, 3), uint8
    """
    return _paint(error_map(pred, gt) / limit, "inferno")


def paint_residual(noisy, pred, limit=RESIDUAL_LIMIT):
    """`residual_map` as a picture: mid-gray is 0, black and white are -+`limit` sqrt(DN).

    Returns
    -------
    ndarray, shape (H, W, 3), uint8
    """
    return _paint(0.5 + residual_map(noisy, pred) / (2 * limit), "gray")


def _paint(values_01, name):
    return matplotlib.colormaps[name](np.clip(values_01, 0, 1), bytes=True)[..., :3]


def plot_comparison(
    noisy,
    pred,
    gt=None,
    labels=("noisy", "denoised", "reference"),
    rendering=None,
    detail=None,
    title=None,
    **changes,
):
    """Draw noisy, denoised, reference and error side by side; a detail below each.

    All are rendered with the parameters estimated from the noisy input.  Without
    a reference the last column is what was removed, in place of the error.

    Parameters
    ----------
    noisy, pred, gt : arrays, shape (H, W), any real dtype, DN; gt may be None
    labels : sequence of 3 str
    rendering : Rendering, optional
    detail : tuple (top, left, size), pixels, optional
        By default the 64 x 64 pixels with the strongest edges.
    title : str, optional
        By default the finding: how the error changed.
    **changes
        Single fields of `Rendering`, e.g. ``exposure=4``.

    Returns
    -------
    matplotlib.figure.Figure
        800 pixels wide; the detail's pixels are enlarged by a whole factor.

    Raises
    ------
    ValueError
        For images of different shapes, not finite or not in DN.
    """
    images = [check_bayer(noisy, "noisy"), check_bayer(pred, "pred")]
    if gt is not None:
        images.append(check_bayer(gt, "gt"))
    check_shapes(images)
    rendering = (rendering or estimate_rendering(images[0]))._replace(**changes)
    pictures, names = [render(image, rendering) for image in images], list(labels[: len(images)])
    if gt is None:
        pictures.append(residual_map(images[0], images[1]))
        names.append("removed")
        scale = {"cmap": "gray", "vmin": -RESIDUAL_LIMIT, "vmax": RESIDUAL_LIMIT}
        unit = f"{labels[0]} \u2212 {labels[1]}, \u221aDN"
    else:
        errors = [patch_error(image, images[2]) for image in images[:2]]
        names = [f"{name}\nerror {error:.2f}" for name, error in zip(names, errors)] + [labels[2]]
        pictures.append(error_map(images[1], images[2]))
        names.append("error map")
        scale = {"cmap": "inferno", "vmin": 0, "vmax": ERROR_LIMIT}
        unit = "|error|, \u221aDN"
        title = title or _finding(*errors)

    window = detail or busiest_part(pictures[len(images) - 1])
    figure, drawn = _draw_panels(pictures, names, window, scale, head=76 if gt is not None else 34)
    _draw_scale(figure, drawn, scale, unit)
    if title:
        top = 1 - 8 / (DPI * figure.get_figheight())
        left = figure.axes[0].get_position().x0
        figure.text(left, top, title, va="top", fontsize=12, fontweight="bold")
    return figure


GAP, FOOT = 8, 46  # pixels between panels, and below them


def _draw_panels(pictures, names, window, scale, head):
    """A column for each picture: the whole, and below it the window, enlarged.

    Laid out in whole pixels, so that the window is enlarged without resampling.
    """
    from matplotlib import pyplot as plt

    columns, (top, start, size) = len(pictures), window
    panel = (WIDTH - (columns - 1) * GAP) // columns // 64 * 64
    left = (WIDTH - columns * panel - (columns - 1) * GAP) // 2
    height = head + 2 * panel + GAP + FOOT
    with matplotlib.rc_context({"figure.constrained_layout.use": False}):
        figure = plt.figure(figsize=(WIDTH / DPI, height / DPI), dpi=DPI)
    part = (slice(top, top + size), slice(start, start + size))
    for column, (picture, name) in enumerate(zip(pictures, names)):
        options = scale if picture.ndim == 2 else {}
        for row, (shown, how) in enumerate([(picture, "antialiased"), (picture[part], "nearest")]):
            x = left + column * (panel + GAP)
            y = FOOT + (1 - row) * (panel + GAP)
            axes = figure.add_axes((x / WIDTH, y / height, panel / WIDTH, panel / height))
            axes.set_axis_off()
            drawn = axes.imshow(shown, interpolation=how, aspect="auto", **options)
            if row == 0:
                axes.set_title(name, loc="left", fontsize=11, fontweight="normal")
                frame = (start - 0.5, top - 0.5)
                axes.add_patch(Rectangle(frame, size, size, fill=False, ec="w", lw=1.5))
    below = f"below: the framed part, {panel / size:g}\u00d7"
    figure.text(left / WIDTH, (FOOT - 10) / height, below, va="center", fontsize=10)
    return figure, drawn


def _draw_scale(figure, drawn, scale, unit):
    """The color bar of the last panel, below it."""
    height, last = DPI * figure.get_figheight(), figure.axes[-1].get_position()
    box = (last.x0 + 8 / WIDTH, (FOOT - 14) / height, last.width - 16 / WIDTH, 8 / height)
    bar = figure.colorbar(drawn, cax=figure.add_axes(box), orientation="horizontal")
    bar.set_ticks(np.linspace(scale["vmin"], scale["vmax"], 3))
    bar.ax.xaxis.set_major_formatter("{x:g}")
    bar.ax.tick_params(labelsize=9, length=2, pad=1)
    bar.ax.text(-0.05, 0.5, unit, transform=bar.ax.transAxes, ha="right", va="center", fontsize=10)


def _finding(before, after):
    change = 100 * (after / before - 1) if before else 0.0
    if change >= 0:
        return f"The error grew by {change:.0f} %"
    return f"Denoising removed {-change:.0f} % of the error"


def plane_colors():
    """The colors of R, Gr, Gb, B in plots, in this order."""
    return [COLORS[plane] for plane in PLANES]


def log_ticks(*axes):
    """Label 1, 2 and 5 of each decade on the logarithmic axes, as plain numbers.

    Parameters
    ----------
    *axes : matplotlib.axes.Axes
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    for one in axes:
        for axis in (one.xaxis, one.yaxis):
            if axis.get_scale() == "log":
                axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                axis.set_major_formatter("{x:g}")
                axis.set_minor_formatter(NullFormatter())
