import re

import numpy as np
import pytest

from rawkit.cli.main import main
from rawkit.nn.tensor_files import load_arrays, save_arrays
from rawkit.nn.weights import load_model
from rawkit.training import release
from rawkit.training.release import pretrain, pretrain_release


@pytest.fixture(autouse=True)
def few_patches(monkeypatch):
    monkeypatch.setattr(release, "VALIDATION_PATCHES", 2)


@pytest.mark.parametrize("network", ["BlindUNet", "Baseline"])
def test_a_network_is_trained_from_nothing(tmp_path, network):
    path, history = pretrain(network, str(tmp_path), steps=2, scenes=3, data=str(tmp_path / "data"))
    assert len(history.losses) == 2 and np.isfinite(history.losses).all()
    model, meta = load_model(path)
    assert type(model).__name__ == network
    command = f"python -m rawkit train {network} --steps 2 --scenes 3 --seed 1 --crop 96"
    assert meta["command"] == command
    assert (tmp_path / f"{network}_log.csv").read_text().startswith("step,loss,score")


def test_training_goes_on_from_weights_with_larger_crops(tmp_path):
    first, _ = pretrain("BlindUNet", tmp_path, steps=2, scenes=3)
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


def test_the_release_is_one_command_that_goes_on(tmp_path, monkeypatch):
    stages = [dict(stage, steps=1, crop=48) for stage in release.RELEASE[:3]]
    monkeypatch.setattr(release, "RELEASE", stages)
    path, _ = pretrain_release(str(tmp_path), scenes=3)
    model, meta = load_model(path)
    assert meta["steps"] == len(stages)
    history, words = meta["start"], []
    while history:
        words, history = words + [history["command"]], history.get("start")
    assert [" --learning-rate 0.001 --start" in w for w in words] == [1, 0]
    assert len(list(tmp_path.glob("*/scenes*"))) == 0, "the scenes are shared"
    before = path.read_bytes()
    assert pretrain_release(tmp_path, scenes=3)[0].read_bytes() == before


def test_a_training_that_diverges_is_one_line(tmp_path, capsys):
    words = ["train", "Baseline", "--folder", str(tmp_path), "--scenes", "3", "--steps", "40"]
    assert main(words + ["--learning-rate", "100"]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert re.fullmatch("rawkit train: step .* a lower learning rate may help", line)
    assert "checkpoint" not in line, "there is none yet"


@pytest.mark.parametrize(
    "network, option, value, words",
    [
        ("Baseline", "--learning-rate", "0", "learning_rate: found"),
        ("Baseline", "--learning-rate", "-1", "learning_rate: found"),
        ("Baseline", "--learning-rate", "nan", "learning_rate: found"),
        ("Baseline", "--steps", 0, "steps: found 0"),
        ("Baseline", "--scenes", 0, "scenes: found 0"),
        ("Baseline", "--crop", 0, "crop: found 0"),
        ("Baseline", "--crop", 256, "crop: found 256"),
        ("Large", "--steps", 1, "found network 'Large', expected one of Baseline, BlindUNet"),
        ("release", "--steps", 9, "release: found steps, which its stages fix"),
    ],
)
def test_what_cannot_be_is_named(tmp_path, fails, network, option, value, words):
    assert words in fails("train", network, "--folder", tmp_path, option, value)
    assert list(tmp_path.iterdir()) == []
