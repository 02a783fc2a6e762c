import os
import subprocess
import sys

import pytest

from rawkit import places

STEP = """
import numpy as np
import rawkit.training
import megengine as mge
model = rawkit.nn.Baseline()
x = np.ones((1, 1, 16, 16), np.float32)
gradients = mge.autodiff.GradManager().attach(model.parameters())
with gradients:
    loss = rawkit.training.l1_loss(model(mge.Tensor(x)), mge.Tensor(x))
    gradients.backward(loss)
print(np.isfinite(loss.item()))
"""


def test_a_training_step_prints_nothing_of_its_own():
    env = {k: v for k, v in os.environ.items() if not k.startswith("MGB_")}
    command = [sys.executable, "-c", STEP]
    found = subprocess.run(
        command, cwd=str(places.ROOT), env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert (found.stdout, found.stderr) == (b"True\n", b"")


@pytest.mark.parametrize("name, words", [("gpu9", "no device gpu9"), ("abc", "Invalid device")])
def test_a_device_that_is_not_there_is_one_line(name, words):
    command = [sys.executable, "-c", "import rawkit.conv"]
    env = dict(os.environ, MGE_DEFAULT_DEVICE=name)
    found = subprocess.run(command, cwd=str(places.ROOT), env=env, stderr=subprocess.PIPE)
    line = found.stderr.decode().splitlines()[-1]
    assert line.startswith("ImportError: ") and words in line and "MGE_DEFAULT_DEVICE" in line
