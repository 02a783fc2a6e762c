"""Which way convolutions are computed, and why.

* "onednn": on the oneDNN library, activations kept in its own layout;
* "native": on MegEngine's operators, always on a GPU, and where oneDNN cannot be loaded.

The environment variable RAWKIT_CONV or `set_conv_path` chooses one: auto (the
default), onednn, native.
"""

import os
from collections import namedtuple

import megengine

from . import device
from .library import PACKAGE, load_library

PATHS = ("auto", "onednn", "native")

ConvPath = namedtuple("ConvPath", "name reason")
_chosen = None


def set_conv_path(name):
    """Choose how convolutions are computed from now on.

    Parameters
    ----------
    name : "auto", "onednn" or "native"

    Raises
    ------
    ValueError
        If the name is none of these.
    """
    global _chosen
    if name not in PATHS:
        raise ValueError("found conv path %r, expected one of %s" % (name, ", ".join(PATHS)))
    _chosen = None if name == "auto" else name


def conv_path():
    """Which way convolutions are computed on the default device, and why.

    Returns
    -------
    ConvPath : named tuple (name, reason)
    """
    return path_on(megengine.get_default_device())


def path_on(where):
    """The same for a device given by its name, such as "cpu0" or "xpux"."""
    if "gpu" in where or ("xpu" in where and device.on_gpu()):
        return ConvPath("native", "a GPU computes")
    wish, by = _chosen, "set_conv_path"
    if wish is None:
        wish, by = os.environ.get("RAWKIT_CONV") or "auto", "RAWKIT_CONV"
        if wish not in PATHS:
            raise ValueError("RAWKIT_CONV: found %r, expected one of %s" % (wish, ", ".join(PATHS)))
    if wish == "native":
        return ConvPath("native", "chosen by %s" % by)
    library, problem = load_library()
    if library is not None:
        return ConvPath("onednn", library.about)
    # how many times: tests/benchmarks/README.md
    return ConvPath(
        "native",
        "slow: MegEngine alone trains 30 to 60 times as long on a CPU; "
        "`pip install %s threadpoolctl joblib` cures it on Linux x86-64; %s" % (PACKAGE, problem),
    )
