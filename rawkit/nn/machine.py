"""What computes here: the line that every notebook prints first."""

import platform

import megengine
import numpy as np

from ..conv import conv_path
from ..conv.device import on_gpu


def describe_setup():
    """Versions, device and the way convolutions are computed, as text of two lines.

    Returns
    -------
    str
    """
    versions = platform.python_version(), megengine.__version__, np.__version__
    device = ("GPU" if on_gpu() else "CPU",) + tuple(conv_path())
    return "Python %s, MegEngine %s, NumPy %s\ndevice: %s, convolutions: %s (%s)" % (
        versions + device
    )
