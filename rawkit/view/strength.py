"""The strength slider: a photograph before and after, with some of its noise mixed back."""

from pathlib import Path

import ipywidgets
import numpy as np

from ..places import write_whole
from .slider import CompareSlider, SliderPanel

FIT, PIXELS = "whole picture", "1 : 1"
WIDTH, HEIGHT = 960, 640  # pixels of the screen that a picture takes


class StrengthSlider(SliderPanel):
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
    """

    def __init__(self, before, after, tone):
        self.before, self.after, self.tone = before, after, tone
        step = max(1, -(-before.shape[0] // HEIGHT), -(-before.shape[1] // WIDTH))
        self._whole = _reduce(before, step), _reduce(after, step)
        self.strength = _fraction("strength", 1.0)
        self.across, self.down = _fraction("left-right", 0.5), _fraction("up-down", 0.5)
        self.size = ipywidgets.ToggleButtons(options=[FIT, PIXELS])
        controls = self.strength, self.across, self.down, self.size
        super().__init__(self._compare, controls)

    def __repr__(self):  # what a page without a kernel shows
        height, width = self.before.shape[:2]
        return f"StrengthSlider of {width} x {height} pixels: run the notebook to use it"

    def _compare(self):
        before, after = self._whole
        if self.size.value == PIXELS:
            height, width = self.before.shape[:2]
            top = int(self.down.value * max(height - HEIGHT, 0))
            left = int(self.across.value * max(width - WIDTH, 0))
            window = slice(top, top + HEIGHT), slice(left, left + WIDTH)
            before, after = self.before[window], self.after[window]
        strength = self.strength.value
        mixed = before + np.float32(strength) * (after - before)
        labels, key = ["as recorded", f"denoised, {100 * strength:.0f} %"], f"strength-{id(self)}"
        pictures = self.tone(before), self.tone(mixed)
        return CompareSlider(pictures, labels, max_bytes=None, key=key)


def _fraction(description, value):
    return ipywidgets.FloatSlider(value, min=0, max=1, step=0.05, description=description)


def _reduce(light, step):
    """Means of step x step pixels; a rest is left out."""
    height, width = (n // step * step for n in light.shape[:2])
    cells = light[:height, :width].reshape(height // step, step, width // step, step, 3)
    return cells.mean((1, 3))


def keep_upload(upload, folder):
    """Write what was uploaded to a folder.

    Parameters
    ----------
    upload : ipywidgets.FileUpload
    folder : str or Path

    Returns
    -------
    Path, or None if nothing was uploaded
    """
    if not upload.value:
        return None
    if isinstance(upload.value, dict):  # ipywidgets 7
        name, found = next(iter(upload.value.items()))
    else:
        found = upload.value[0]
        name = found["name"]
    path = Path(folder) / Path(name).name
    write_whole(path, bytes(found["content"]))
    return path
