import pytest

from rawkit.cli.main import main
from rawkit.nn import load_model
from rawkit.nn.tensor_files import load_arrays, save_arrays
from rawkit.training import release
from rawkit.training.release import pretrain


@pytest.fixture(autouse=True)
def few_patches(monkeypatch):
    monkeypatch.setattr(release, "VALIDATION_PATCHES", 2)


@pytest.mark.parametrize("name, network", [("release", "BlindUNet"), ("Baseline", "Baseline")])
def test_one_command_trains_from_nothing_and_goes_on(tmp_path, monkeypatch, capsys, name, network):
    monkeypatch.setattr(release, "RELEASE", dict(release.RELEASE, steps=2, crop=96))
    words = ["train", name, "--folder", str(tmp_path), "--scenes", "3"]
    words += ["--steps", "2"] * (name == network)
    path = tmp_path / f"{network}.safetensors"
    assert main(words) == 0
    model, meta = load_model(path)
    command = f"python -m rawkit train {network} --steps 2 --scenes 3 --seed 1 --crop 96"
    assert type(model).__name__ == network and meta["command"] == command
    assert (tmp_path / f"{network}_log.csv").read_text().startswith("step,loss,score\n1,0.")
    before = path.read_bytes()
    assert main(words) == 0 and path.read_bytes() == before
    assert f"{network}.safetensors: validation score" in capsys.readouterr().out


def test_training_goes_on_from_weights_with_larger_crops(tmp_path):
    first, _ = pretrain("BlindUNet", tmp_path, steps=2, scenes=3)
    with pytest.raises(ValueError, match="BlindUNet.safetensors: found the input itself"):
        pretrain("BlindUNet", tmp_path, steps=1, scenes=3, start=first)
    start = tmp_path / "start"
    first.rename(start)
    path, _ = pretrain("BlindUNet", tmp_path, steps=1, scenes=3, seed=2, start=str(start), crop=128)
    _, meta = load_model(path)
    assert meta["command"].endswith("--steps 1 --scenes 3 --seed 2 --crop 128 --start WEIGHTS")
    assert meta["steps"] == 3 and meta["start"]["steps"] == 2
    with pytest.raises(ValueError, match="start: found weights that do not fit Baseline"):
        pretrain("Baseline", tmp_path, steps=1, scenes=3, start=start)
    arrays, meta = load_arrays(start)
    save_arrays(start, arrays, dict(meta, steps="many"))
    with pytest.raises(ValueError, match="start: found steps 'many', expected a int"):
        pretrain("BlindUNet", tmp_path, steps=1, scenes=3, start=start)


@pytest.mark.parametrize(
    "network, option, value, words",
    [
        ("Baseline", "--learning-rate", "0", "found learning_rate 0"),
        ("Baseline", "--learning-rate", "nan", "found learning_rate nan"),
        ("Baseline", "--steps", 0, "found steps 0"),
        ("Baseline", "--seed", -1, "found seed -1"),
        ("Baseline", "--crop", 256, "crop: found 256"),
        ("Large", "--steps", 1, "found network 'Large', expected one of Baseline, BlindUNet"),
        ("release", "--steps", 9, "release: found steps, which it fixes"),
    ],
)
def test_what_cannot_be_is_named(tmp_path, fails, network, option, value, words):
    assert words in fails("train", network, "--folder", tmp_path, option, value)
    assert list(tmp_path.iterdir()) == []
