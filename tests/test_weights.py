"""Any network goes through: saved with its code, loaded by its class, its name or that code."""

import importlib.util
import shutil
import sys

import megengine
import numpy as np
import pytest

from rawkit import write_patches
from rawkit.cli.main import main
from rawkit.conv import Conv2d
from rawkit.nn import Baseline, load_model, predict, register, save_model
from rawkit.nn.definitions import run_definition
from rawkit.nn.networks import NETWORKS
from rawkit.nn.weights import get_weights, sha256
from rawkit.places import ROOT
from rawkit.training import train
from rawkit.training.batches import PairBatches

CODE = '''
import math

import megengine.functional as F
import megengine.module as M
import numpy as np

from rawkit.conv import Conv2d

WIDTH = 6
UNUSED = np.zeros(3)


def half(x):
    return x * (1 / math.sqrt(4))


class Layer(M.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = Conv2d(1, width, 3, padding=1)
        self.norm = M.BatchNorm2d(width)

    def forward(self, x):
        UNUSED = half(x)  # a local name, not the notebook's
        return self.norm(self.conv(UNUSED))


class Mine(M.Module):
    """A plain module: no config, nothing of rawkit's."""

    def __init__(self):
        super().__init__()
        self.layer, self.exit = Layer(WIDTH), Conv2d(WIDTH, 1, 1)

    def forward(self, bayer):
        return bayer + F.tanh(self.exit(self.layer(bayer)))


class Sized(Mine):
    def __init__(self, width):
        super().__init__()
        self.layer, self.exit = Layer(width), Conv2d(width, 1, 1)


class Kept(Sized):
    def __init__(self, width=3):
        super().__init__(width)
        self.config = {"width": width}


class Arrays(Mine):
    def forward(self, bayer):
        return bayer + UNUSED[0]
'''


@pytest.fixture
def mine(tmp_path):
    """A reader's own file, imported."""
    path = tmp_path / "my_networks.py"
    path.write_text(CODE)
    spec = importlib.util.spec_from_file_location("my_networks", str(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules["my_networks"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["my_networks"]


@pytest.fixture
def bayer(rng):
    return rng.integers(0, 65536, (2, 16, 16), dtype=np.uint16)


def test_a_plain_module_trains_and_comes_back_by_its_code(mine, tmp_path, bayer, rng):
    pairs = rng.integers(0, 65536, (2, 4, 256, 256), dtype=np.uint16)
    model, path = mine.Mine(), tmp_path / "weights" / "mine.npz"
    train(model, PairBatches(*pairs, batch_size=2, crop=16), 2)
    assert get_weights(model)["layer.norm.running_mean"].any(), "buffers count as weights"
    save_model(path, model, steps=2)
    again, meta = load_model(path, run_code=True)
    assert type(again) is not mine.Mine and meta["definition"]["file"] == "mine.py"
    np.testing.assert_array_equal(predict(again, bayer), predict(model, bayer))
    code = path.with_suffix(".py").read_text()
    assert "UNUSED = np.zeros" not in code and "WIDTH = 6" in code


def test_code_written_before_the_layers_moved_still_runs(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("from rawkit.nn.conv import Conv2d as Conv2d\n")
    assert run_definition(path, "Conv2d", sha256(path)) is Conv2d


def test_no_code_runs_unless_asked_for_and_unchanged(mine, tmp_path):
    path = tmp_path / "mine.npz"
    save_model(path, mine.Mine())
    code = path.with_suffix(".py")
    with pytest.raises(ValueError, match="mine.npz: found network 'Mine'.*mine.py.*run_code"):
        load_model(path)
    code.write_text(code.read_text() + "\nraise SystemExit\n")
    with pytest.raises(ValueError, match="mine.py: found other code"):
        load_model(path, run_code=True)
    code.unlink()
    with pytest.raises(ValueError, match="mine.py: found no file"):
        load_model(path, run_code=True)


def test_the_command_runs_code_where_it_is_told_to(mine, tmp_path, bayer, capsys):
    weights, noisy, sample = (tmp_path / name for name in ("mine.npz", "noisy.bin", "sample.dng"))
    save_model(weights, mine.Mine())
    write_patches(noisy, np.tile(bayer[:1], (1, 16, 16)))
    shutil.copy(str(ROOT / "data" / "photo" / "sample.dng"), str(sample))
    for source, out in ((noisy, "out.bin"), (sample, "out.dng")):
        words = ["denoise", source, tmp_path / out, "--weights", weights]
        assert main([str(word) for word in words]) == 2
        assert (
            "expected permission to run mine.py beside it, which defines it"
            in capsys.readouterr().err
        )
        assert main([str(word) for word in words + ["--run-code"]]) == 0
        assert (tmp_path / out).is_file()


def test_a_class_a_function_or_a_registered_name_will_do(mine, tmp_path, bayer, monkeypatch):
    model, path = mine.Sized(5), tmp_path / "sized.npz"
    model.eval()
    save_model(path, model)
    again, _ = load_model(path, network=lambda: mine.Sized(5))
    np.testing.assert_array_equal(predict(again, bayer), predict(model, bayer))
    with pytest.raises(ValueError, match="Sized cannot be built.*model.config"):
        load_model(path, network=mine.Sized)
    with pytest.raises(ValueError, match="sized.npz: .*do not fit"):
        load_model(path, network=lambda: mine.Sized(4))
    save_model(path, mine.Kept(4))
    monkeypatch.setitem(NETWORKS, "Kept", mine.Kept)  # forgotten again after the test
    assert register(mine.Kept) is mine.Kept
    assert get_weights(load_model(path)[0])["exit.weight"].shape == (1, 4, 1, 1)
    assert get_weights(load_model(path, run_code=True)[0])["exit.weight"].shape == (1, 4, 1, 1)


def test_what_cannot_be_written_is_named(mine, tmp_path):
    with pytest.raises(ValueError, match="UNUSED: found a ndarray, expected a number"):
        save_model(tmp_path / "arrays.npz", mine.Arrays())
    assert not (tmp_path / "arrays.npz").exists()


def test_the_suites_names_stay_the_suites(tmp_path):
    class Baseline2(Baseline):
        pass

    Baseline2.__name__ = "Baseline"
    with pytest.raises(ValueError, match="another network named Baseline"):
        register(Baseline2)
    with pytest.raises(ValueError, match="another network named Baseline"):
        save_model(tmp_path / "w.npz", Baseline2())
    assert NETWORKS["Baseline"] is Baseline


def test_an_answer_of_another_shape_is_named(rng, bayer):
    class Packed(megengine.module.Module):
        def forward(self, bayer):
            return bayer.reshape(len(bayer), 4, 8, 8)

    with pytest.raises(ValueError, match=r"answer of shape \(2, 4, 8, 8\) .*\(2, 1, 16, 16\)"):
        predict(Packed(), bayer)
