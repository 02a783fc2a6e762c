"""What makes two runs the same, and what does not."""

import random
import subprocess
import sys

import megengine
import megengine.module as M
import numpy as np
import pytest

from rawkit import places, write_patches
from rawkit.binio import open_patches
from rawkit.nn import Baseline, BlindUNet, stabilized
from rawkit.training import PairBatches, SyntheticBatches, l1_loss, score_loss
from rawkit.training.fingerprint import describe_run


def l2(pred, gt):
    return helper(pred - gt)


def helper(x):
    return x * x


class Scaled(M.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return self.factor * x


def pull(rng):
    return lambda pred, gt: pred * rng.normal()


DIFFERENT = {
    "numbers": [1, 1.0, True, "1", None, [1], (1,), {"a": 1}, {"a": 2}, {1}],
    "lambdas": [lambda p, g: p, lambda p, g: g, lambda p, g: p + 1, lambda p, g: p + 2],
    "comprehensions": [lambda x: [y + 1 for y in x], lambda x: [y + 2 for y in x]],
    "inner functions": [lambda x: lambda: x + 1, lambda x: lambda: x - 1],
    "defaults": [lambda x=1: x, lambda x=2: x, lambda *, x=2: x],
    "generators": [pull(np.random.default_rng(seed)) for seed in (1, 2)],
    "random": [pull(random.Random(seed)) for seed in (1, 2)],
    "suite": [l1_loss, score_loss, l2, Baseline, BlindUNet, PairBatches, SyntheticBatches],
    "arguments": [lambda: Baseline(True), lambda: Baseline(output_activation=False)],
    "attributes": [Scaled(1.0), Scaled(2.0)],
    "arrays": [np.zeros(4), np.zeros(4, int), np.zeros((2, 2)), np.ones(4), megengine.Tensor(1)],
}


@pytest.mark.parametrize("kind", DIFFERENT)
def test_each_difference_gives_another_name(kind):
    names = [describe_run(row=thing)["row"] for thing in DIFFERENT[kind]]
    assert len(set(names)) == len(names)
    assert names == [describe_run(row=thing)["row"] for thing in DIFFERENT[kind]]


def test_of_globals_those_count_that_are_used(monkeypatch):
    loss, network = describe_run(loss=l2), describe_run(network=Scaled, first=Scaled(1.0))
    monkeypatch.setitem(globals(), "helper", lambda x: abs(x))
    assert describe_run(loss=l2) != loss
    monkeypatch.setitem(globals(), "factor", 3)  # named like an attribute
    assert describe_run(network=Scaled, first=Scaled(1.0)) == network
    network = describe_run(network=BlindUNet)
    monkeypatch.setattr(stabilized, "HOT", 7.0)
    assert describe_run(network=BlindUNet) != network, "its base class is code too"


CLASS = """
class Net:
    size = %s
    @staticmethod
    def twice(x):
        "Say what."
        return x %s 2
    @property
    def one(self):
        return %s
"""


def test_a_class_in_a_notebook_counts_by_its_members_not_by_comments_and_places():
    first = CLASS % (1, "+", 2)
    other = first.replace("what", "more").replace(" 2\n", "  2  # commented\n\n")
    texts = [first, first, "\n\n" + other]
    texts += [CLASS % parts for parts in ((0, "+", 2), (1, "-", 2), (1, "+", 0))]
    space, names = {"__name__": "__main__"}, []
    for text in texts:
        exec(compile(text, "cell", "exec"), space)
        names.append(describe_run(network=space["Net"])["network"])
        assert describe_run(network=space["Net"])["network"] == names[-1]
    assert names[0] == names[1] == names[2] and len(set(names)) == 4


def test_every_pixel_of_the_data_counts(tmp_path, patches):
    path = write_patches(tmp_path / "a.bin", patches)
    whole = describe_run(noisy=open_patches(path))
    assert whole == describe_run(noisy=np.array(open_patches(path)))
    assert whole != describe_run(noisy=open_patches(path)[:2])
    patches[2, 255, 255] ^= 1
    write_patches(path, patches)
    assert whole != describe_run(noisy=open_patches(path))


def test_a_networks_weights_count():
    megengine.random.seed(1)
    first, second = Baseline(), Baseline()
    assert describe_run(start=first) != describe_run(start=second)
    second.load_state_dict(first.state_dict())
    assert describe_run(start=first) == describe_run(start=second)


PROGRAM = """
import sys; sys.path.insert(0, "..")
import numpy as np, megengine as mge
from rawkit import nn, training
from rawkit.conv import Conv2d, fused
from rawkit.training.fingerprint import describe_run
class Mine(nn.BlindUNet):
    def residual(self, stable, clipped):
        return fused(stable[:, :4], Conv2d(4, 4, 3, padding=1))
def name():
    things = [Mine, nn.BlindUNet, training.score_loss, training.cosine_decay]
    things += [training.SyntheticBatches, {"a", "b", "c"}, lambda x: x in {"a", "b", "c"}]
    return [describe_run(x=thing) for thing in things]
before = name()
Mine()(mge.Tensor(np.ones((1, 1, 64, 64), "float32")))
next(training.SyntheticBatches(np.ones((1, 256, 256), "float32"), 1))
print(before == name(), before)
"""


@pytest.mark.slow
def test_a_notebook_finds_its_runs_again_in_another_kernel():
    """There rawkit comes from "..", layers have run, and other libraries have state."""
    command, folder = [sys.executable, "-W", "ignore", "-c", PROGRAM], places.ROOT / "notebooks"
    one, two = (subprocess.check_output(command, cwd=str(folder)) for _ in range(2))
    assert one == two and one.startswith(b"True ")
