"""Pictures side by side, enlarged by whole factors, so that nothing is resampled."""

import numpy as np
from matplotlib.patches import Rectangle

from ..score import normalized_l1
from .figures import DPI, ERROR_LIMIT, RESIDUAL_LIMIT, paint_error, paint_residual
from .rendering import busiest_part, estimate_rendering, render
from .slider import NAMES

GAP = 8  # pixels between pictures
TEXT = 14  # points: still 9 pixels high where a page is 390 pixels wide
LINE = 24  # pixels, of such text
PANEL = 256  # pixels; a patch as it is, or a part of it enlarged
DETAIL = 128  # pixels; the part shown at 200 %


def show_pictures(rows, titles, zoom=1, title=None):
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
    height = sum(heads) + len(rows) * (high + GAP) + LINE * bool(title)
    size = width / DPI, height / DPI
    figure = plt.figure(figsize=size, dpi=DPI, constrained_layout=False)
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
    what was removed stands below.

    Parameters
    ----------
    noisy, pred, gt : arrays, shape (H, W), any real dtype, DN
        A gt of None or without light measures nothing.

    Returns
    -------
    matplotlib.figure.Figure
        The 128 x 128 pixels with the most texture at 200 %, and a whole patch of 256 x 256,
        the best there is, at 100 %; the title says how the error changed.

    Raises
    ------
    ValueError
        For images of different shapes, not finite or not in DN.
    """
    images = [noisy, pred] if gt is None or not np.any(gt) else [noisy, pred, gt]
    rendering = estimate_rendering(images[0])
    wholes = [render(image, rendering) for image in images]
    top, left, size = busiest_part(wholes[-1], DETAIL)
    part = slice(top, top + size), slice(left, left + size)
    parts = [whole[part] for whole in wholes]
    if len(images) == 2:
        maps, notes = [paint_residual(*images)], ["removed"]
        title = f"Removed: gray is 0, white is {RESIDUAL_LIMIT} \u221aDN or more"
    else:
        errors = normalized_l1(np.stack(images[:2]), np.stack([gt, gt]))
        change = 100 * (errors[1] / (errors[0] or 1) - 1)
        title = f"Denoised: error {change:+.0f} % (maps: white is {ERROR_LIMIT} \u221aDN)"
        maps = [paint_error(image, images[2]) for image in images[:2]]
        notes = [f"error {error:.2f}" for error in errors]
    rows = [parts, [each[part] for each in maps] + [wholes[-1]]]
    titles = [NAMES[: len(parts)], [*notes, "whole, 100 %"]]
    figure = show_pictures(rows, titles, PANEL // size, title)
    frame = (left - 0.5, top - 0.5)
    figure.axes[-1].add_patch(Rectangle(frame, size, size, fill=False, ec="w", lw=1.5))
    return figure
