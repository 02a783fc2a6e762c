"""Starts MegEngine once and quietly, on a GPU if there is one and otherwise on the CPU.

`rawkit.conv` imports this before anything that needs MegEngine.
"""

import contextlib
import logging
import os
import sys
import tempfile

import numpy as np

# MegEngine makes the processor flush tiny numbers to zero, which NumPy would report
# with a warning when it first measures a float type: let it measure before.
for _float in (np.float16, np.float32, np.float64):
    np.finfo(_float)

# MegEngine's worker thread would spin while it waits, on a core that others need: a
# quarter of a training step.  With 1 it warns at its start, with 0 at every operation.
os.environ.setdefault("MGB_WORKER_MAX_SPIN", "1")

# Its import makes a folder in HOME for the timings of GPU algorithms, and fails where HOME
# cannot be written.  The suite never asks for these timings: in memory they need no folder.
os.environ.setdefault("MGE_FASTRUN_CACHE_TYPE", "MEMORY")

try:
    import megengine
except ImportError as error:
    if "cannot open shared object" not in str(error):
        raise
    advice = "; on Debian or Ubuntu, sudo apt-get install libgl1 libglib2.0-0 brings it"
    raise ImportError(f"MegEngine cannot load a library: {error}{advice}") from None
except AssertionError as error:
    raise ImportError(f"MGE_DEFAULT_DEVICE: {error}, expected one like cpux or gpu0") from None

# it warns of the setting above, through this logger
logging.getLogger("megbrain").addFilter(lambda record: "with spin of 1" not in record.getMessage())

# what MegEngine's C code says on stderr where there is no GPU, which is no error
NO_GPU = ("info: +", "debug: failed to load cuda func")  # and again in each process it forks


@contextlib.contextmanager
def without_lines(phrases):
    """Drop lines that contain one of the phrases from stderr; everything else is passed on."""
    try:
        saved = os.dup(2)
    except OSError:  # no stderr to be quiet on
        yield
        return
    with tempfile.TemporaryFile() as caught:
        sys.stderr.flush()
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
            caught.seek(0)
            for line in caught.read().decode(errors="replace").splitlines(True):
                if not any(phrase in line for phrase in phrases):
                    sys.stderr.write(line)


# The first tensor, and the first question about GPUs, look for CUDA.
with without_lines(NO_GPU):
    _HAS_CUDA = megengine.is_cuda_available()
    try:
        megengine.Tensor(0.0).numpy()
    except RuntimeError:  # many lines of MegEngine's
        name = megengine.get_default_device()
        raise ImportError(f"MGE_DEFAULT_DEVICE: found no device {name}") from None


def on_gpu():
    """Whether tensors live on a GPU by default.

    Returns
    -------
    bool
    """
    name = megengine.get_default_device()
    return name.startswith("gpu") or (name.startswith("xpu") and _HAS_CUDA)
