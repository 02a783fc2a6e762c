"""What a reader sees in a compare slider."""

import base64
import io
import re

import numpy as np
from PIL import Image


def pictures_of(slider):
    """The pictures, decoded from the HTML: uint8 (H, W, 3)."""
    coded = re.findall('src="data:image/png;base64,([^"]*)"', slider._repr_html_())
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(text)))) for text in coded]
