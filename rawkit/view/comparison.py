"""Pictures side by side, each pixel as a whole number of the screen's: nothing is resampled."""

import matplotlib
import numpy as np
from matplotlib.patches import Rectangle

from .figures import DPI, ERROR_LIMIT, RESIDUAL_LIMIT, paint_error, paint_residual
from .rendering import (
    busiest_part,
    check_bayer,
    check_shapes,
    estimate_rendering,
    patch_error,
    render,
)

GAP = 8  # pixels between pictures
TEXT = 14  # points: still 9 pixels high where a page is 390 pixels wide
LINE = 24  # pixels, of such text
PANEL = 256  # pixels; a patch as it is, or a part of it enlarged
DETAIL = 128  # pixels; the part shown at 200 %


def show_pictures(rows, titles, zoom=1, title=None, foot=0):
    """Draw pictures in rows, enlarged by a whole factor.

    Parameters
    ----------
    rows : list of lists of arrays, shape (H, W, 3), uint8
        All of one size; None leaves a place empty.
    titles : list of lists of str
        One above each picture; an empty list leaves a row without.
    zoom : int
        Pixels of the screen, each way, for one of a picture.
    title : str, optional
        Above all.
    foot : int, pixels
        Room left below.

    Returns
    -------
    matplotlib.figure.Figure
        One axes for each picture, row by row.
    """
    from matplotlib import pyplot as plt

    high, wide = (zoom * side for side in rows[0][0].shape[:2])
    heads = [LINE * max([text.count("\n") + 1 for text in texts] or [0]) for texts in titles]
    columns = max(map(len, rows))
    width = columns * (wide + GAP) - GAP
    height = sum(heads) + len(rows) * (high + GAP) + foot + LINE * bool(title)
    with matplotlib.rc_context({"figure.constrained_layout.use": False}):
        figure = plt.figure(figsize=(width / DPI, height / DPI), dpi=DPI)
    if title:
        figure.text(0, 1, title, va="top", fontsize=TEXT, fontweight="bold")
    top = LINE * bool(title)
    for row, texts, head in zip(rows, titles, heads):
        top += head
        for column, picture in enumerate(row):
            if picture is not None:
                left, bottom = column * (wide + GAP), height - top - high
                place = (left / width, bottom / height, wide / width, high / height)
                axes = figure.add_axes(place)
                axes.set_axis_off()
                axes.imshow(picture, interpolation="nearest", aspect="auto")
                if texts:
                    axes.set_title(texts[column], loc="left", fontsize=TEXT, fontweight="normal")
        top += high + GAP
    return figure


def plot_comparison(noisy, pred, gt=None):
    """Draw a part of a patch noisy, denoised, and as it should be; below, both errors.

    All are rendered with the parameters estimated from the noisy input.  Without a reference
    the third picture is what was removed, and both whole patches stand below.

    Parameters
    ----------
    noisy, pred, gt : arrays, shape (H, W), any real dtype, DN; gt may be None

    Returns
    -------
    matplotlib.figure.Figure
        784 pixels wide: the 128 x 128 pixels with the most texture at 200 %, whole patches of
        256 x 256 at 100 %; the title says how the error changed.

    Raises
    ------
    ValueError
        For images of different shapes, not finite or not in DN.
    """
    images = [check_bayer(noisy, "noisy"), check_bayer(pred, "pred")]
    if gt is not None:
        images.append(check_bayer(gt, "gt"))
    check_shapes(images)
    rendering = estimate_rendering(images[0])
    wholes = [render(image, rendering) for image in images]
    top, left, size = busiest_part(wholes[-1], DETAIL)
    part = slice(top, top + size), slice(left, left + size)
    parts, names, title = [whole[part] for whole in wholes], ["noisy", "denoised"], None
    if gt is None:
        parts.append(paint_residual(images[0], images[1])[part])
        rows, titles = [parts, wholes], [names + ["removed"], ["whole, 100 %", ""]]
        bar = "gray", RESIDUAL_LIMIT, "removed, \u221aDN"
    else:
        errors = [patch_error(image, images[2]) for image in images[:2]]
        title = _finding(*errors)
        maps = [paint_error(image, images[2])[part] for image in images[:2]]
        titles = [names + ["reference"], [f"error {e:.2f}" for e in errors] + ["whole, 100 %"]]
        rows, bar = [parts, maps + [wholes[2]]], ("inferno", ERROR_LIMIT, "|error|, \u221aDN")
    figure = show_pictures(rows, titles, PANEL // size, title, foot=2 * LINE)
    for axes in figure.axes[5:] if gt is not None else figure.axes[3:]:
        frame = (left - 0.5, top - 0.5)
        axes.add_patch(Rectangle(frame, size, size, fill=False, ec="w", lw=1.5))
    _draw_scale(figure, *bar)
    return figure


def _draw_scale(figure, colors, limit, unit):
    """What the colors of the maps mean, at the figure's foot."""
    height = DPI * figure.get_figheight()
    low = -limit if colors == "gray" else 0
    axes = figure.add_axes((0, 1.3 * LINE / height, 0.327, 10 / height))
    axes.imshow(np.linspace(0, 1, 256)[None], cmap=colors, aspect="auto", extent=(low, limit, 0, 1))
    axes.set(yticks=[], xticks=[low, (low + limit) / 2, limit])
    axes.grid(False)
    axes.tick_params(labelsize=TEXT - 2, length=3, pad=2)
    axes.text(1.03, 0.5, unit, transform=axes.transAxes, va="center", fontsize=TEXT)


def _finding(before, after):
    change = 100 * (after / before - 1) if before else 0.0
    if change >= 0:
        return f"The error grew by {change:.0f} %"
    return f"Denoising removed {-change:.0f} % of the error"
