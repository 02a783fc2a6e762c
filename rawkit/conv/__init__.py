"""Convolutions that are fast on a CPU, through oneDNN, and MegEngine's own on a GPU.

`layers` holds the layers, `fusion` combines them into one step, `backend` chooses between the two
libraries, `device` starts MegEngine, `threads` counts cores.
Below, in the order of a new kind of layer: `graph` records, `plan` and `primitives` prepare,
`workspace` runs, `library` binds oneDNN.
"""

from . import device  # isort: split  # MegEngine starts here, before the rest asks for it
from .backend import conv_path
from .fusion import fused
from .layers import Conv2d, ConvTranspose2d, LeakyReLU, ReLU

__all__ = ["Conv2d", "ConvTranspose2d", "LeakyReLU", "ReLU", "conv_path", "fused"]
