"""Every test run writes to a folder of its own and uses the embedded data."""

import os
import shutil
import tempfile

OUTPUTS = tempfile.mkdtemp(prefix="rawkit-test-")


def pytest_configure(config):
    # notebooks run in kernels that inherit these
    for name in ("RAWKIT_DATA", "RAWKIT_RUN", "RAWKIT_CONV"):
        os.environ.pop(name, None)
    os.environ["RAWKIT_OUTPUTS"] = OUTPUTS


def pytest_unconfigure(config):
    shutil.rmtree(OUTPUTS, ignore_errors=True)
