"""A photograph before and after, with as much of its noise mixed back as one likes."""

from pathlib import Path

import numpy as np

from ..places import atomic_file
from .explorer import widget_bundle
from .slider import CompareSlider

try:
    import ipywidgets
except ImportError:  # only the controls need it
    ipywidgets = None

FIT, PIXELS = "whole picture", "1 : 1"
WIDTH, HEIGHT = 960, 640  # pixels of the screen that a picture takes


class StrengthSlider:
    """Two developed pictures under a divider, and a slider that mixes them.

    What is shown is  before + strength (after - before)  in linear light, which is
    what mixing the raw files gives, but for the demosaicing's decisions.

    Parameters
    ----------
    before, after : arrays, shape (H, W, 3), float32, linear light
    tone : function (h, w, 3) -> uint8
        From linear light to what the screen shows.

    Attributes
    ----------
    strength, size, across, down : ipywidgets
        How much of the noise goes, 0-1; whole or pixel by pixel; which part, 0-1.
    slider : CompareSlider
        What is shown now.

    Raises
    ------
    ValueError
        If the two differ in shape.
    """

    def __init__(self, before, after, tone):
        if before.shape != after.shape or before.ndim != 3:
            raise ValueError(
                "found pictures of shape %s and %s, expected one shape (H, W, 3)"
                % (before.shape, after.shape)
            )
        self.before, self.after, self.tone = before, after, tone
        step = max(1, -(-before.shape[0] // HEIGHT), -(-before.shape[1] // WIDTH))
        self._whole = [_reduce(light, step) for light in (before, after)]
        if ipywidgets is not None:
            self._build()
        self._show()

    def __repr__(self):
        words = "run the notebook" if ipywidgets else "install ipywidgets"
        return "StrengthSlider of %d x %d pixels: %s to use it" % (
            self.before.shape[1::-1] + (words,)
        )

    def _repr_mimebundle_(self, **options):
        if ipywidgets is None:
            return {"text/plain": repr(self), "text/html": self.slider._repr_html_()}
        return widget_bundle(self.box, repr(self))

    def _build(self):
        def control(description, value):
            return ipywidgets.FloatSlider(
                value, min=0, max=1, step=0.05, description=description, continuous_update=False
            )

        self.strength = control("strength", 1.0)
        self.size = ipywidgets.ToggleButtons(options=[FIT, PIXELS], value=FIT)
        self.across, self.down = control("left-right", 0.5), control("up-down", 0.5)
        self.output = ipywidgets.Output()
        for widget in (self.strength, self.size, self.across, self.down):
            widget.observe(lambda change: self._show(), "value")
        rows = [self.strength, self.size], [self.across, self.down]
        self.box = ipywidgets.VBox([ipywidgets.HBox(row) for row in rows] + [self.output])

    def _part(self):
        """What to show of both: all of it made smaller, or a window of its pixels."""
        if ipywidgets is None or self.size.value == FIT:
            return self._whole
        height, width = self.before.shape[:2]
        top = int(self.down.value * max(height - HEIGHT, 0))
        left = int(self.across.value * max(width - WIDTH, 0))
        window = slice(top, top + HEIGHT), slice(left, left + WIDTH)
        return self.before[window], self.after[window]

    def _show(self):
        before, after = self._part()
        strength = 1.0 if ipywidgets is None else self.strength.value
        mixed = before + np.float32(strength) * (after - before)
        self.slider = CompareSlider(
            [self.tone(before), self.tone(mixed)],
            ["as recorded", "denoised, %d %%" % round(100 * strength)],
            max_bytes=None,
            key="strength-%d" % id(self),
        )
        if ipywidgets is not None:
            data = {"text/html": self.slider._repr_html_(), "text/plain": repr(self.slider)}
            self.output.outputs = ({"output_type": "display_data", "data": data, "metadata": {}},)


def _reduce(light, step):
    """Means of step x step pixels; a rest is left out."""
    height, width = (n // step * step for n in light.shape[:2])
    cells = light[:height, :width].reshape(height // step, step, width // step, step, 3)
    return cells.mean((1, 3))


def choose_upload():
    """A button that takes a file from the reader's computer.

    Returns
    -------
    ipywidgets.FileUpload, or None without ipywidgets
    """
    if ipywidgets is None:
        return None

    class Upload(ipywidgets.FileUpload):
        def __repr__(self):  # what a page without a kernel shows
            return "A button to upload your raw file: run the notebook to use it"

    return Upload(description="your raw file")


def keep_upload(upload, folder):
    """Write what was uploaded to a folder.

    Parameters
    ----------
    upload : what `choose_upload` returned
    folder : str or Path

    Returns
    -------
    Path, or None if nothing was uploaded
    """
    if not getattr(upload, "value", None):
        return None
    value = upload.value
    if isinstance(value, dict):  # ipywidgets 7
        (name, found), *_ = value.items()
    else:
        found = value[0]
        name = found["name"]
    path = Path(folder) / Path(name).name
    with atomic_file(path) as file:
        file.write(bytes(found["content"]))
    return path
