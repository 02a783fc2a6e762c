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
    python, device, path = platform.python_version(), "GPU" if on_gpu() else "CPU", conv_path()
    return (
        f"Python {python}, MegEngine {megengine.__version__}, NumPy {np.__version__}\n"
        f"device: {device}, convolutions: {path.name} ({path.reason})"
    )
