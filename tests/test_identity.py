"""What makes two runs the same, and what does not."""

import subprocess
import sys

import megengine
import numpy as np
import pytest

from rawkit import conv, places, write_patches
from rawkit.binio import open_patches
from rawkit.conv import Conv2d
from rawkit.nn import Baseline, BlindUNet
from rawkit.training import l1_loss, score_loss
from rawkit.training.fingerprint import describe_run, run_identity


def l2(pred, gt):
    return helper(pred - gt)


def helper(x):
    return x * x


def test_what_stays_the_same_has_one_name():
    def one(pred, gt):
        """Documented."""
        return scale * (pred - gt)  # and commented

    scale = 2
    first = run_identity(loss=one)

    def one(pred, gt):
        return scale * (pred - gt)

    assert run_identity(loss=one) == first
    scale = 3
    assert run_identity(loss=one) != first


def test_each_change_gives_another_name():
    made = [lambda p, g: p, lambda p, g: g, lambda p, g: p + 1, lambda p, g: p + 2]
    made += [l1_loss, score_loss, l2, Baseline, BlindUNet, lambda: Baseline(True)]
    made += [lambda: Baseline(output_activation=False), {"views": True}, {"views": 1.5}, [1, 2]]
    rows = [run_identity(row=row) for row in made]
    assert len(set(rows)) == len(rows)


def test_a_helper_that_changes_changes_what_calls_it(monkeypatch):
    before = run_identity(loss=l2)
    monkeypatch.setitem(globals(), "helper", lambda x: abs(x))
    assert run_identity(loss=l2) != before


def test_a_class_in_a_notebook_counts_by_its_methods():
    space = {"__name__": "__main__"}
    source = "class Net:\n    def forward(self, x):\n        return x %s 2\n"
    names = []
    for sign in "+*+":
        exec(compile(source % sign, "cell", "exec"), space)
        names.append(run_identity(network=space["Net"]))
    assert names[0] == names[2] != names[1]


def test_every_pixel_of_the_data_counts(tmp_path, patches):
    path = write_patches(tmp_path / "a.bin", patches)
    whole = run_identity(noisy=open_patches(path))
    assert whole == run_identity(noisy=np.array(open_patches(path)))
    assert whole != run_identity(noisy=open_patches(path)[:2])
    patches[2, 255, 255] ^= 1
    write_patches(path, patches)
    assert whole != run_identity(noisy=open_patches(path))


def test_a_networks_weights_count():
    megengine.random.seed(1)
    first, second = Baseline(), Baseline()
    assert run_identity(start=first) != run_identity(start=second)
    second.load_state_dict(first.state_dict())
    assert run_identity(start=first) == run_identity(start=second)


@pytest.mark.parametrize("thing", ["nn.BlindUNet", "training.score_loss", "training.cosine_decay"])
def test_it_is_the_same_in_another_process(thing):
    program = "from rawkit import nn, training; from rawkit.training import run_identity as r;"
    program += "print(r(x=%s, y={'a', 'b', 'c'}))" % thing
    run = lambda: subprocess.check_output([sys.executable, "-c", program], cwd=str(places.ROOT))  # noqa: E731
    assert run() == run()


def test_a_run_begun_before_a_module_moved_is_found_again():
    found = describe_run(loss=score_loss, layer=Conv2d, module=conv)
    assert found["loss"].startswith("rawkit.nn.losses.score_loss ")
    assert found["layer"] == "rawkit.nn.conv.layers.Conv2d"
    assert found["module"] == "module rawkit.nn.conv"


def test_a_notebook_finds_its_runs_again_in_another_kernel():
    """There rawkit comes from "..", layers have run, and other libraries have state."""
    program = """
import sys; sys.path.insert(0, "..")
import numpy as np, megengine as mge
from rawkit.nn import BlindUNet
from rawkit.conv import Conv2d, fused
from rawkit.training.fingerprint import run_identity
class Mine(BlindUNet):
    def residual(self, stable):
        return fused(stable[:, :4], Conv2d(4, 4, 3, padding=1))
first = run_identity(row=Mine)
Mine()(mge.Tensor(np.ones((1, 1, 64, 64), "float32")))
print(first, run_identity(row=Mine))
"""
    run = lambda: subprocess.check_output(  # noqa: E731
        [sys.executable, "-c", program], cwd=str(places.ROOT / "notebooks")
    ).split()
    (one, after), (two, _) = run(), run()
    assert one == after == two


def test_a_description_can_be_read():
    found = describe_run(steps=3, rate=0.1, batches={"crop": 16, "data": np.zeros((2, 3))})
    assert (found["steps"], found["rate"], found["batches"]["crop"]) == (3, 0.1, 16)
    assert found["batches"]["data"].startswith("array <f8 2x3 ")
