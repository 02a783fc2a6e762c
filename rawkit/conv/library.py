"""oneDNN, bound by ctypes: its functions, its one engine, its enumerations.

The numbers below are oneDNN 3.2's (dnnl_types.h); the version is checked when
the library is loaded, as other versions number them differently.
"""

import ctypes
import functools
import os
import sys
from pathlib import Path

import numpy as np

from .threads import openmp, usable_cores

PACKAGE = "onednn-cpu-gomp==2023.2.0"  # holds oneDNN 3.2, for Linux x86-64 and any Python 3

F32 = 3
ANY, NHWC, NCHW8C, NCHW16C = 1, 22, 102, 78  # layouts
FORWARD_TRAINING, FORWARD_INFERENCE, DIRECT, DECONVOLUTION_DIRECT = 64, 96, 1, 10
RELU, RELU_FROM_OUTPUT, BINARY_ADD = 32, 256, 131056
SRC, SRC_1, DST, WEIGHTS, BIAS, SCRATCHPAD = 1, 2, 17, 33, 41, 80
DIFF_SRC, DIFF_DST, DIFF_WEIGHTS, DIFF_BIAS = 129, 145, 161, 169
QUERY_WEIGHTS, QUERY_DIFF_WEIGHTS, QUERY_SCRATCHPAD = 131, 132, 136
ISA_AVX512 = 39
STATUS = {1: "out of memory", 2: "invalid arguments", 3: "unimplemented", 5: "runtime error"}


class OneDNNError(RuntimeError):
    """A call of the library failed."""

    def of(self, layer):
        """The same error, with the layer's name and what helps."""
        why = f"found that oneDNN cannot compute it ({self})"
        return OneDNNError(f"{layer}: {why}; RAWKIT_CONV=native can, slowly")


class Argument(ctypes.Structure):
    """A buffer and what a primitive uses it for."""

    _fields_ = [("kind", ctypes.c_int), ("memory", ctypes.c_void_p)]


class Handle(ctypes.c_void_p):
    """An object of the library, destroyed with the Python object."""

    destroy = None

    def __del__(self):
        if self.destroy is not None and self.value:
            self.destroy(self)


class Library:
    """The functions, the one engine, the instruction set and the cores in use.

    Raises
    ------
    OSError, ImportError, OneDNNError
        If it or what it needs cannot be loaded.
    """

    def __init__(self):
        # the wheel puts the library beside Python's own
        places = [Path(sys.prefix), *list(Path(np.__file__).resolve().parents)[4:5]]
        names = [str(place / "lib" / "libdnnl.so.3") for place in places]
        found = [name for name in names if os.path.exists(name)] + ["libdnnl.so.3"]
        # Idle threads would spin for milliseconds after each loop, on a core that others need.
        # A short spin is kept: the next layer follows within microseconds.
        if "OMP_WAIT_POLICY" not in os.environ:
            os.environ.setdefault("GOMP_SPINCOUNT", "20000")
        self.lib = ctypes.CDLL(found[0])
        self.lib.dnnl_version.restype = ctypes.POINTER(ctypes.c_int * 3)
        version = tuple(self.lib.dnnl_version().contents)
        if version[:2] != (3, 2):
            raise OSError("found oneDNN {}.{}.{}, expected 3.2".format(*version))
        self.lib.dnnl_memory_desc_get_size.restype = ctypes.c_size_t
        self.lib.dnnl_primitive_desc_query_md.restype = ctypes.c_void_p
        self.call("set_primitive_cache_capacity", 512)
        self.engine = self.make("engine", 1, ctypes.c_size_t(0))
        isa = self.lib.dnnl_get_effective_cpu_isa()
        self.avx512 = isa & ISA_AVX512 == ISA_AVX512
        self.about = f"oneDNN 3.2 for {'AVX-512' if self.avx512 else 'AVX2'}"
        self.cores = usable_cores()
        self.openmp = openmp()

    def threads(self, count):
        """For a `with`: OpenMP has so many threads inside, and as many as before after it."""
        return self.openmp.limit(limits=count)

    def call(self, name, *args):
        status = getattr(self.lib, "dnnl_" + name)(*args)
        if status:
            raise OneDNNError(f"{name}: {STATUS.get(status, status)}")

    def make(self, kind, *args, **names):
        """Create an object: a `Handle`; `by` names the function if it is not KIND_create."""
        handle = Handle()
        self.call(names.get("by", kind + "_create"), ctypes.byref(handle), *args)
        handle.destroy = getattr(self.lib, f"dnnl_{kind}_destroy")
        return handle

    def query(self, desc, what):
        """The memory description that a primitive wants; it belongs to the primitive's."""
        return ctypes.c_void_p(self.lib.dnnl_primitive_desc_query_md(desc, what, 0))

    def size(self, desc):
        """Bytes."""
        return self.lib.dnnl_memory_desc_get_size(desc)

    def same(self, a, b):
        return bool(self.lib.dnnl_memory_desc_equal(a, b))

    def dense(self, shape, swap=False):
        """Describe NumPy's order; `swap`: the two axes before the kernel's change places."""
        strides = [int(np.prod(shape[i + 1 :])) for i in range(len(shape))]
        if swap:
            shape, strides = swap_channels(list(shape)), swap_channels(strides)
        args = (len(shape), dims(shape), F32, dims(strides))
        return self.make("memory_desc", *args, by="memory_desc_create_with_strides")

    def laid_out(self, shape, layout):
        args = (len(shape), dims(shape), F32, layout)
        return self.make("memory_desc", *args, by="memory_desc_create_with_tag")


def dims(values):
    """Numbers in the array type that the library takes."""
    return (ctypes.c_int64 * 12)(*values)


def swap_channels(values):
    """(..., in, out, kh, kw) to (..., out, in, kh, kw), which oneDNN wants of both kinds."""
    return values[:-4] + [values[-3], values[-4]] + values[-2:]


@functools.lru_cache(maxsize=None)
def load_library():
    """Load oneDNN, at the first call.

    Returns
    -------
    library : Library or None
    problem : str or None
        Why it cannot be loaded.
    """
    try:
        return Library(), None
    except (OSError, ImportError, OneDNNError) as error:
        return None, f"oneDNN cannot be loaded: {error}"
