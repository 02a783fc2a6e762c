"""Developing a photograph into a picture, the same way before and after.

The competition's patches have no camera's colors; `rawkit.view.rendering` shows those.
"""

import numpy as np
import rawpy

from .dng import encode_dng


def develop(photo):
    """Develop a frame with the camera's white balance and colors; nothing is automatic.

    Parameters
    ----------
    photo : Photo

    Returns
    -------
    ndarray, shape (h, w, 3), float32, linear sRGB in 0-1, upright
        LibRaw moves an odd active area by a row or a column.
    """
    with rawpy.imread(encode_dng(photo)) as raw:
        light = raw.postprocess(
            use_camera_wb=True, no_auto_bright=True, output_bps=16, gamma=(1, 1)
        )
    return light.astype(np.float32) / np.float32(65535)


def choose_exposure(light):
    """A gain on linear light that makes nearly the brightest part white.

    Parameters
    ----------
    light : array, shape (h, w, 3), as `develop` gives it

    Returns
    -------
    float, 1 to 16
    """
    return float(np.clip(0.9 / max(np.percentile(light[::4, ::4], 98), 1e-3), 1, 16))
