"""Convolutions that are fast on a CPU, through oneDNN, and MegEngine's own on a GPU.

`layers` holds the layers, `fusion` what makes them one step, `path` the choice between the two.
Below: `graph` records, `plan` and `primitives` prepare, `workspace` runs, `library` binds oneDNN.
"""

from .fusion import fused
from .layers import Conv2d, ConvTranspose2d, LeakyReLU, ReLU
from .path import ConvPath, conv_path, set_conv_path

__all__ = [
    "Conv2d",
    "ConvPath",
    "ConvTranspose2d",
    "LeakyReLU",
    "ReLU",
    "conv_path",
    "fused",
    "set_conv_path",
]
