"""What several tests share."""

import numpy as np
import pytest


@pytest.fixture
def rng():
    return np.random.default_rng(20220)


@pytest.fixture
def patches(rng):
    """Three patches that use the whole range of uint16."""
    return rng.integers(0, 65536, (3, 256, 256), dtype=np.uint16)


@pytest.fixture
def auto_path(monkeypatch):
    """The same first weights each time; and what a test chooses ends with it."""
    import megengine

    megengine.random.seed(0)  # an activation next to 0 may fall to either side
    monkeypatch.setenv("RAWKIT_CONV", "auto")
