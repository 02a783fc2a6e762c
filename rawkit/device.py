"""MegEngine, started once and quietly, on a GPU if there is one and else on the CPU.

Everything in rawkit that needs MegEngine imports this first.
"""

import atexit
import contextlib
import logging
import os
import sys

import numpy as np

# MegEngine makes the processor flush tiny numbers to zero, which NumPy would report
# with a warning when it first measures a float type: let it measure before.
for _float in (np.float16, np.float32, np.float64):
    np.finfo(_float)

# MegEngine's worker thread would spin while it waits, on a core that others need: a
# quarter of a training step.  With 1 it warns at its start, with 0 at every operation.
os.environ.setdefault("MGB_WORKER_MAX_SPIN", "1")

import megengine  # noqa: E402


@atexit.register
def _quiet_end():
    """MegEngine asks for CUDA once more when the process ends; errors are told by then."""
    sys.stderr.flush()
    with open(os.devnull, "wb") as nothing:
        os.dup2(nothing.fileno(), 2)


@contextlib.contextmanager
def _quiet_stderr():
    """Swallow warnings and what C code prints to stderr; Python's own errors still rise."""
    try:
        saved = os.dup(2)
    except OSError:  # no stderr to be quiet on
        yield
        return
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)  # in a notebook these do not go through the file
    with open(os.devnull, "wb") as nothing:
        os.dup2(nothing.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            logging.disable(disabled)


# Without a GPU the first tensor, and the first question about GPUs, print debug lines.
with _quiet_stderr():
    megengine.Tensor(0.0).numpy()
    _HAS_CUDA = megengine.is_cuda_available()


def on_gpu():
    """Whether tensors live on a GPU by default.

    Returns
    -------
    bool
    """
    name = megengine.get_default_device()
    return name.startswith("gpu") or (name.startswith("xpu") and _HAS_CUDA)
