"""What several tests share."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest


@pytest.fixture
def rng():
    return np.random.default_rng(20220)


@pytest.fixture
def patches(rng):
    """Three patches that use the whole range of uint16."""
    return rng.integers(0, 65536, (3, 256, 256), dtype=np.uint16)


@pytest.fixture(scope="session")
def shipped():
    """The network that comes with the suite."""
    from rawkit.nn import SHIPPED, load_model

    return load_model(SHIPPED)[0]


@pytest.fixture
def pairs(rng):
    """Twenty noisy patches of one value each, and their ground truth."""
    gt = np.repeat(rng.integers(2000, 40000, (20, 1, 1)), 256, axis=1).repeat(256, axis=2)
    noisy = gt + rng.normal(0, 800, gt.shape)
    return np.clip(noisy, 0, 65535).astype(np.uint16), gt.astype(np.uint16)


@pytest.fixture
def fails(capsys):
    """Run a command that must fail; what is called returns its one line."""
    from rawkit.cli.main import main

    def run(*words):
        capsys.readouterr()
        assert main([str(word) for word in words]) == 2
        out, err = capsys.readouterr()
        assert "Traceback" not in err and out == ""
        (line,) = [line for line in err.splitlines() if line.startswith("rawkit ")]
        return line

    return run


@pytest.fixture
def start():
    """Start Python in a process whose signals are not ignored, as they are under nohup."""
    from rawkit.places import ROOT

    def run(*words, **variables):
        return subprocess.Popen(
            [sys.executable] + [str(word) for word in words],
            cwd=str(ROOT),
            env=dict(os.environ, **{name: str(value) for name, value in variables.items()}),
            stderr=subprocess.PIPE,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    return run


@pytest.fixture
def auto_path(monkeypatch):
    """The same first weights each time; and what a test chooses ends with it."""
    import megengine

    megengine.random.seed(0)  # an activation next to 0 may fall to either side
    monkeypatch.setenv("RAWKIT_CONV", "auto")
