"""How convolutions are computed, and why.

* "onednn": by the oneDNN library, with activations in its own layout;
* "native": by MegEngine's operators: always on a GPU, and where oneDNN cannot be loaded.

The environment variable RAWKIT_CONV chooses one: auto (the default), onednn, native.
"""

import os
from collections import namedtuple

import megengine

from . import device
from .library import PACKAGE, load_library

PATHS = ("auto", "onednn", "native")

ConvPath = namedtuple("ConvPath", "name reason")


def conv_path():
    """How convolutions are computed on the default device, and why.

    Returns
    -------
    ConvPath : named tuple (name, reason)

    Raises
    ------
    ValueError
        If RAWKIT_CONV is none of the three.
    """
    return path_on(megengine.get_default_device())


def path_on(where):
    """The same for a device given by its name, such as "cpu0" or "xpux"."""
    if "gpu" in where or ("xpu" in where and device.on_gpu()):
        return ConvPath("native", "a GPU computes")
    wish = os.environ.get("RAWKIT_CONV") or "auto"
    if wish not in PATHS:
        raise ValueError(f"RAWKIT_CONV: found {wish!r}, expected one of {', '.join(PATHS)}")
    if wish == "native":
        return ConvPath("native", "chosen by RAWKIT_CONV")
    library, problem = load_library()
    if library is not None:
        return ConvPath("onednn", library.about)
    # how many times: tests/benchmarks/README.md
    return ConvPath(
        "native",
        "slow: MegEngine alone trains 30 to 60 times as long on a CPU; "
        f"`pip install {PACKAGE} threadpoolctl joblib` helps on Linux x86-64; {problem}",
    )
