"""Every test run writes to a folder of its own and uses the embedded data."""

import os
import shutil
import tempfile

import pytest

collect_ignore = ["notebooks/zh"]  # the same code as in the English ones
OUTPUTS = tempfile.mkdtemp(prefix="rawkit-test-")


def pytest_configure(config):
    # notebooks run in kernels that inherit the user's own settings
    for name in "DATA OUTPUTS RUN PHOTO CONV".split():
        os.environ.pop("RAWKIT_" + name, None)
    os.environ["RAWKIT_OUTPUTS"] = OUTPUTS


@pytest.hookimpl(optionalhook=True)  # Python 3.7 runs without it
def pytest_xdist_setupnodes(config, specs):
    os.environ["OMP_NUM_THREADS"] = "1"  # of each process; there are as many as cores


def pytest_collection_modifyitems(items):
    """The long ones first, so that side by side none is left for the end."""
    items.sort(key=lambda item: not ("test_notebooks" in item.nodeid or ".ipynb" in item.nodeid))


def pytest_unconfigure(config):
    shutil.rmtree(OUTPUTS, ignore_errors=True)
