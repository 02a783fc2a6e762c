import os
import subprocess
import sys

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
