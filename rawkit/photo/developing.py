"""Developing a frame into a picture, the same way before and after."""

import numpy as np

from .dng import camera_to_srgb, encode_dng
from .frame import active_view, levels, padding, to_rggb
from .reading import INSTALL, rawpy

TURNS = {3: 2, 6: 3, 8: 1}  # TIFF's orientation to quarter turns to the left


def develop(photo, demosaic=None):
    """Develop a frame with the camera's white balance and colours; nothing is automatic.

    Parameters
    ----------
    photo : Photo
    demosaic : function (H, W) -> (H, W, 3), optional
        Used where LibRaw is missing, e.g. `rawkit.view.demosaic`.

    Returns
    -------
    ndarray, shape (h, w, 3), float32, linear sRGB in 0-1, upright
        LibRaw moves an odd active area by a row or a column.

    Raises
    ------
    ValueError
        If rawpy is missing and there is no `demosaic`.
    """
    if rawpy is not None:
        with rawpy.imread(encode_dng(photo)) as raw:
            light = raw.postprocess(
                use_camera_wb=True, no_auto_bright=True, output_bps=16, gamma=(1, 1)
            )
        return light.astype(np.float32) / np.float32(65535)
    if demosaic is None:
        raise ValueError("developing a picture needs LibRaw; %s" % INSTALL)
    black = levels(photo)[1]
    light = demosaic((to_rggb(photo) - np.float32(black)) / np.float32(65535 - black))
    (top, _), (left, _) = padding(photo)
    height, width = active_view(photo).shape
    light = light[top : top + height, left : left + width] / photo.white_balance
    light = light.clip(0, 1) @ camera_to_srgb(photo.color_matrix).T
    return np.rot90(light.clip(0, 1), TURNS.get(photo.orientation, 0)).astype(np.float32)


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
