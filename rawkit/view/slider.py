"""The compare slider: two or three pictures under draggable dividers.

Plain HTML with its pictures, style and script inside: it works in every Jupyter
front end and in an exported page without a network.  Where scripts are stripped
(an untrusted notebook, a repository's preview) the same pictures stand side by
side in a table.
"""

import base64
import io
from pathlib import Path

import ipywidgets
import numpy as np
from jinja2 import Environment, FileSystemLoader
from PIL import Image
from scipy.ndimage import uniform_filter

from .rendering import check_bayer, describe_error, estimate_rendering, render

# slider.html, and within it slider.css and slider.js
FILES = FileSystemLoader(str(Path(__file__).parent))
TEMPLATES = Environment(loader=FILES, autoescape=True, keep_trailing_newline=True)
NAMES = ("noisy", "denoised", "reference")
Z_RLE = 3  # zlib's number of a compression strategy
LENS_PIXELS = 21  # as in slider.js
MIN_SIDE = 32  # pixels


class CompareSlider:
    """Pictures of one scene to compare by dragging; shown by Jupyter as HTML.

    Parameters
    ----------
    pictures : sequence of 2 or 3 arrays, shape (H, W, 3), uint8
    labels : sequence of str
        Shown on the pictures, from left to right.
    notes : sequence of str, optional
        Shown behind the labels in the bar, e.g. the error.
    max_bytes : int or None
        The largest HTML allowed; larger pictures are cropped around their center
        until they fit.  None: no limit, for what is not saved.
    key : str, optional
        Sliders of the same key take over each other's dividers, zoom and lens.

    Attributes
    ----------
    crop : tuple (top, left, height, width), pixels
        What is shown of the pictures given.

    Raises
    ------
    ValueError
        For another number of pictures or labels, and other or different shapes or dtypes.
    """

    def __init__(self, pictures, labels, notes=None, max_bytes=250000, key=None):
        notes = notes or [""] * len(labels)
        _check_pictures(pictures, labels, notes)
        self.labels, self.key = list(labels), key
        height, width = pictures[0].shape[:2]
        self.crop = (0, 0, height, width)
        self._html = self._build(pictures, notes)
        while max_bytes and len(self._html) > max_bytes and min(self.crop[2:]) > MIN_SIDE:
            # the size goes with the area; even offsets keep the mosaic's phase
            shrink = min(0.97, (max_bytes / len(self._html)) ** 0.5)
            rows, columns = (max(MIN_SIDE, int(side * shrink) // 4 * 4) for side in self.crop[2:])
            top, left = (height - rows) // 4 * 2, (width - columns) // 4 * 2
            self.crop = (top, left, rows, columns)
            cropped = [p[top : top + rows, left : left + columns] for p in pictures]
            self._html = self._build(cropped, notes)

    def _build(self, pictures, notes):
        images = []
        for picture, label, note in zip(pictures, self.labels, notes):
            file = io.BytesIO()
            # noise has no repetitions to search for: as small as the default, and faster
            Image.fromarray(picture).save(file, "png", compress_type=Z_RLE)
            png = base64.b64encode(file.getvalue()).decode()
            images.append({"label": label, "note": note, "png": png})
        height, width = pictures[0].shape[:2]
        left, top = _most_changed(*pictures[:2])
        place = {"left": left, "top": top, "width": width, "height": height}
        return TEMPLATES.get_template("slider.html").render(place, images=images, key=self.key)

    def _repr_html_(self):
        return self._html

    def __repr__(self):
        return f"CompareSlider({' | '.join(self.labels)})"


class SliderPanel(ipywidgets.VBox):
    """Controls above a compare slider that is made anew when one of them changes.

    Parameters
    ----------
    make_slider : function () -> CompareSlider
    controls : sequence of ipywidgets, each with a `value`
    *below : ipywidgets
        Between the controls and the slider.

    Attributes
    ----------
    slider : CompareSlider
        What is shown now.
    """

    def __init__(self, make_slider, controls, *below):
        self._make_slider, self._output = make_slider, ipywidgets.Output()
        for control in controls:
            control.continuous_update = False  # of sliders: a picture when the mouse lets go
            control.layout.width = "270px"  # three in a row of a narrow page
            control.observe(self._show, "value")
        layout = {"flex_flow": "row wrap", "max_width": "960px"}  # and not four in a wide one
        super().__init__([ipywidgets.HBox(controls, layout=layout), *below, self._output])
        self._show()

    def _show(self, change=None):
        self.slider = self._make_slider()
        # set as a whole: an output of megabytes that is displayed makes nbclient wait for ever
        data = {"text/html": self.slider._repr_html_(), "text/plain": repr(self.slider)}
        shown = {"output_type": "display_data", "data": data, "metadata": {}}
        self._output.outputs = (shown,)


def compare(images, labels=NAMES, rendering=None, gt=None, max_bytes=250000):
    """Compare mosaics of one scene under draggable dividers.

    All are rendered with the parameters estimated from the first, so that none
    looks better by normalization.

    Parameters
    ----------
    images : sequence of 2 or 3 arrays, shape (H, W), any real dtype, DN
        Noisy, denoised and, if there is one, reference.
    labels : sequence of str
    rendering : Rendering, optional
        By default estimated from the first image.
    gt : array, shape (H, W), DN, optional
        What errors are measured against; by default the third of three images.
        Without it no errors are shown.
    max_bytes : as in `CompareSlider`

    Returns
    -------
    CompareSlider

    Raises
    ------
    ValueError
        For images of different shapes, not finite or not in DN.
    """
    images = [check_bayer(image, f"image {i}") for i, image in enumerate(images)]
    if gt is None and len(images) == 3:
        gt = images[2]
    notes = [""] * len(images)
    if gt is not None:
        notes = ["" if i is gt else describe_error(i, gt) for i in images]
    rendering = rendering or estimate_rendering(images[0])
    pictures = [render(image, rendering) for image in images]
    return CompareSlider(pictures, labels[: len(pictures)], notes, max_bytes)


def _check_pictures(pictures, labels, notes):
    if len(pictures) not in (2, 3) or not len(labels) == len(notes) == len(pictures):
        found = f"{len(pictures)} pictures, {len(labels)} labels, {len(notes)} notes"
        raise ValueError(f"found {found}, expected 2 or 3, each with a label and a note")
    shape = (*pictures[0].shape[:2], 3)
    for picture in pictures:
        if picture.shape != shape or picture.dtype != np.uint8:
            raise ValueError(f"found {picture.shape}, {picture.dtype}, expected {shape}, uint8")


def _most_changed(before, after):
    """Where the lens starts: x and y of the place around which two pictures differ most."""
    change = np.abs(np.subtract(before, after, dtype=np.float32)).sum(2)
    change = uniform_filter(change, LENS_PIXELS, mode="constant")  # the border counts less
    y, x = np.unravel_index(np.argmax(change), change.shape)
    return int(x), int(y)
