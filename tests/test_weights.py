"""Any network goes through: saved beside its definition, loaded by its class or that file."""

import shutil

import megengine
import megengine.module as M
import numpy as np
import pytest

from rawkit import write_patches
from rawkit.cli.main import main
from rawkit.nn import Baseline, find_weights, import_network, load_model, predict, save_model
from rawkit.nn.tensor_files import save_arrays
from rawkit.nn.weights import SHIPPED, get_weights, set_weights, sha256
from rawkit.places import ROOT
from rawkit.training import PairBatches, train

CODE = '''
import megengine.functional as F
import megengine
import megengine.module as M

from rawkit.conv import Conv2d

WIDTH = 6


class Mine(M.Module):
    """A plain module: no config, nothing of rawkit's."""

    def __init__(self, width=WIDTH):
        super().__init__()
        self.entry, self.norm = Conv2d(1, width, 3, padding=1), M.BatchNorm2d(width)
        self.exit = Conv2d(width, 1, 1)

    def forward(self, bayer):
        return bayer + F.tanh(self.exit(self.norm(self.entry(bayer))))


class Sized(Mine):
    def __init__(self, width):
        super().__init__(width)


class Kept(Sized):
    def __init__(self, width=3):
        super().__init__(width)
        self.config = {"width": width}
'''


@pytest.fixture
def code(tmp_path):
    """A reader's own file, in the folder of the weights."""
    path = tmp_path / "mine.py"
    path.write_text(CODE)
    return path


@pytest.fixture
def bayer(rng):
    return rng.integers(0, 65536, (2, 16, 16), dtype=np.uint16)


def test_weights_survive_the_way_to_disk(tmp_path, bayer):
    path, baseline = str(tmp_path / "w.safetensors"), Baseline(output_activation=True)
    digest = save_model(path, baseline, steps=3)
    model, meta = load_model(path)
    assert digest == sha256(path) and model.config == {"output_activation": True}
    assert meta["network"] == "Baseline" and meta["steps"] == 3 and meta["parameters"] == 93854
    np.testing.assert_array_equal(predict(model, bayer), predict(baseline, bayer))


def test_weights_that_do_not_fit_are_named_and_change_nothing():
    model = Baseline()
    before = get_weights(model)
    for change, words in (
        (
            {"conv6.0.bias": before["conv6.0.bias"][:, :3]},
            r"\(1, 3, 1, 1\)\), expected .* 4",
        ),
        ({"conv6.0.bias": before["conv6.0.bias"].astype(float)}, "float64"),
        ({"conv7.0.bias": before["conv6.0.bias"]}, "conv7.0.bias is .*float32.*, expected None"),
    ):
        with pytest.raises(ValueError, match="mine: found weights that do not fit.*" + words):
            set_weights(model, dict(before, **change), "mine")
    for name, array in get_weights(model).items():
        np.testing.assert_array_equal(array, before[name])


def test_a_plain_module_trains_and_comes_back_by_its_code(code, tmp_path, bayer, rng):
    pairs = rng.integers(0, 65536, (2, 4, 256, 256), dtype=np.uint16)
    path = tmp_path / "mine.safetensors"
    for resumed_at in (0, 2):
        megengine.random.seed(1)
        model = import_network(code, "Mine")()
        batches = PairBatches(*pairs, batch_size=2, crop=16)
        assert train(model, batches, 2, checkpoint=tmp_path / "c").resumed_at == resumed_at
    assert get_weights(model)["norm.running_mean"].any(), "buffers count as weights"
    save_model(path, model, definition=str(code), steps=2)
    again, meta = load_model(str(path), run_code=True)
    assert type(again) is not type(model) and meta["definition"]["file"] == "mine.py"
    np.testing.assert_array_equal(predict(again, bayer), predict(model, bayer))


def test_a_changed_file_is_imported_afresh(code):
    assert import_network(code, "Kept")().config == {"width": 3}
    code.write_text(CODE.replace("width=3", "width=4"))
    assert import_network(str(code), "Kept")().config == {"width": 4}
    for text, words in (("(", "SyntaxError"), ("", "no class Kept")):
        code.write_text(text)
        with pytest.raises(ValueError, match=f"mine.py: found .*{words}"):
            import_network(code, "Kept")


def test_no_code_runs_unless_asked_for_and_unchanged(code, tmp_path, capsys):
    path = tmp_path / "w.safetensors"
    save_model(path, import_network(code, "Mine")(), code)
    with pytest.raises(ValueError, match="w.safetensors: found network 'Mine'.*mine.py.*run_code"):
        load_model(path)
    assert capsys.readouterr().out == ""
    load_model(path, run_code=["other.py", code.name])
    assert capsys.readouterr().out == f"running {code}\n", "the file is named first"
    with pytest.raises(ValueError, match=f"permission to run {code.name}"):
        load_model(path, run_code=["other.py"])
    code.write_text(CODE + "\nraise SystemExit\n")
    with pytest.raises(ValueError, match="mine.py: .*other code than when w.safetensors was saved"):
        load_model(path, run_code=True)
    code.unlink()
    with pytest.raises(ValueError, match="mine.py: found no file"):
        load_model(path, run_code=True)
    with pytest.raises(FileNotFoundError, match="none: found no file"):
        load_model(tmp_path / "none")


def test_a_network_of_ones_own_needs_its_definition_beside_it(code, tmp_path):
    model = import_network(code, "Mine")()
    with pytest.raises(ValueError, match="w: found Mine, a network that is not .* definition="):
        save_model(tmp_path / "w", model)
    with pytest.raises(ValueError, match="mine.py: found no such file next to .*w, expected"):
        save_model(tmp_path / "elsewhere" / "w", model, code)
    assert sorted(tmp_path.iterdir()) == [code]


def test_the_command_runs_code_where_it_is_told_to(code, tmp_path, bayer, fails):
    weights, noisy, sample = (tmp_path / name for name in ("w", "noisy.bin", "sample.dng"))
    save_model(weights, import_network(code, "Mine")(), code)
    write_patches(noisy, np.tile(bayer[:1], (1, 16, 16)))
    shutil.copy(str(ROOT / "data" / "photo" / "sample.dng"), str(sample))
    for source, out in ((noisy, "out.bin"), (sample, "out.dng")):
        words = ["denoise", source, tmp_path / out, "--weights", weights]
        assert "expected permission to run mine.py" in fails(*words)
        assert main([str(word) for word in words + ["--run-code"]]) == 0
        assert (tmp_path / out).is_file()


def test_a_class_may_be_given(code, tmp_path, bayer):
    sized, kept = import_network(code, "Sized"), import_network(code, "Kept")
    path = tmp_path / "w.safetensors"
    save_model(path, sized(5), code)
    with pytest.raises(ValueError, match="Sized cannot be built from its config"):
        load_model(path, sized)
    with pytest.raises(ValueError, match="w.safetensors: .*do not fit Kept"):
        load_model(path, kept)
    model = kept(4)
    model.eval()
    save_model(path, model, code)
    np.testing.assert_array_equal(predict(load_model(path, kept)[0], bayer), predict(model, bayer))


def test_a_network_named_like_one_of_the_suites_is_not_taken_for_it(tmp_path):
    code = tmp_path / "mine.py"
    code.write_text(CODE.replace("Mine", "Baseline"))
    save_model(tmp_path / "w", import_network(code, "Baseline")(), code)
    with pytest.raises(ValueError, match="permission to run mine.py"):
        load_model(tmp_path / "w")
    assert not isinstance(load_model(tmp_path / "w", run_code=True)[0], Baseline)


@pytest.mark.parametrize(
    "meta, words",
    [
        ({"network": "Large"}, "found network 'Large', expected one of"),
        ({"network": ["Baseline"]}, "found network .* expected a str"),
        ({"network": "Baseline", "config": {"depth": 3}}, "cannot be built .*depth"),
        # only the name counts: weights must not lead to a file elsewhere
        ({"network": "Mine", "definition": {"file": "../m.py"}}, "/m.py: found no file|run m.py"),
    ],
)
def test_descriptions_of_another_kind_are_one_line(tmp_path, meta, words):
    save_arrays(tmp_path / "w.safetensors", get_weights(Baseline()), meta)
    for run_code in (False, True):
        with pytest.raises(ValueError, match=words) as caught:
            load_model(tmp_path / "w.safetensors", run_code=run_code)
        assert str(tmp_path) in str(caught.value) and "\n" not in str(caught.value)


def test_weights_are_found_where_notebooks_leave_them(tmp_path, monkeypatch):
    monkeypatch.setenv("RAWKIT_OUTPUTS", str(tmp_path))
    for name in ("new.safetensors", "old.npz", "other.txt"):
        (tmp_path / "weights").mkdir(exist_ok=True)
        (tmp_path / "weights" / name).write_text("")
    found = [path.name for path, origin in find_weights() if origin == "your own"]
    assert found == ["new.safetensors", "old.npz"] and find_weights()[0][0] == SHIPPED


def test_an_answer_of_another_shape_is_named(bayer):
    class Packed(M.Module):
        def forward(self, bayer):
            return bayer.reshape(len(bayer), 4, 8, 8)

    with pytest.raises(ValueError, match=r"answer of shape \(2, 4, 8, 8\).*\(2, 1, 16, 16\)"):
        predict(Packed(), bayer)
