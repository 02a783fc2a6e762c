"""Which way convolutions are computed, on how many threads."""

import ctypes
import os

import megengine as mge
import numpy as np
import pytest
from conv_checks import use

from rawkit import conv
from rawkit.conv import Conv2d, fused, library, threads

pytestmark = pytest.mark.usefixtures("auto_path")


@pytest.fixture
def reload(monkeypatch):
    """Let oneDNN be loaded anew by the test, and again after it."""
    library.load_library.cache_clear()
    yield
    monkeypatch.undo()
    library.load_library.cache_clear()


def test_without_onednn_megengine_computes_and_the_reason_helps(monkeypatch, reload):
    calls = []

    def refuse(*args):
        calls.append(args)
        raise OSError("libgomp.so.1: cannot open shared object file")

    monkeypatch.setattr(library.ctypes, "CDLL", refuse)
    for _ in range(3):
        name, reason = conv.conv_path()
    assert name == "native" and len(calls) == 1  # it is not tried for every layer
    for text in ("slow", "pip install onednn-cpu-gomp==", "libgomp"):
        assert text in reason
    x = mge.Tensor(np.ones((1, 4, 8, 8), np.float32))
    assert fused(x, Conv2d(4, 8, 3)).shape == (1, 8, 6, 6)


def test_environment_chooses_the_path(monkeypatch):
    monkeypatch.setenv("RAWKIT_CONV", "native")
    assert conv.conv_path() == ("native", "chosen by RAWKIT_CONV")
    monkeypatch.setenv("RAWKIT_CONV", "numpy")
    with pytest.raises(ValueError, match="RAWKIT_CONV: found 'numpy', expected one of auto, "):
        conv.conv_path()


def test_usable_cores(monkeypatch):
    import joblib

    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert 1 <= threads.usable_cores() <= os.cpu_count()
    monkeypatch.setattr(joblib, "cpu_count", lambda: 6)
    for wish, cores in (("", 6), ("4,2", 4), ("1", 1), ("99", 6), ("0", 6), ("many", 6)):
        monkeypatch.setenv("OMP_NUM_THREADS", wish)
        assert threads.usable_cores() == cores


def test_the_number_of_threads_is_put_back():
    use("onednn")
    gomp = ctypes.CDLL("libgomp.so.1")
    before, layer = gomp.omp_get_max_threads(), Conv2d(16, 16, 3)
    try:
        gomp.omp_set_num_threads(5)
        for side in (8, 96):  # one thread, and all
            fused(mge.Tensor(np.ones((1, 16, side, side), np.float32)), layer)
            assert gomp.omp_get_max_threads() == 5
    finally:
        gomp.omp_set_num_threads(before)
