"""Every path may be text, not only a Path, as the documentation says."""

from pathlib import Path

import numpy as np

from rawkit.binio import open_pairs
from rawkit.nn import (
    SHIPPED_BASELINE,
    Baseline,
    has_test_gt,
    import_network,
    load_model,
    open_scoring_pairs,
    save_model,
    score_held_out,
    score_table,
    sha256,
)
from rawkit.nn.tensor_files import load_arrays, save_arrays
from rawkit.places import ROOT
from rawkit.training import PairBatches, release, train, write_log
from rawkit.training.release import pretrain, pretrain_release

DATA = ROOT / "data"


def test_paths_of_data_may_be_text():
    model, folder = Baseline(), str(DATA)
    noisy, gt = open_scoring_pairs(folder, limit=2)
    assert len(noisy) == len(gt) == 2 and has_test_gt(folder)
    assert len(score_table(model, folder, limit=2)) == 2
    assert len(score_held_out(model, folder, limit=1, self_ensemble=False)) == 1
    assert score_held_out(model, str(DATA / "weights")) is None
    assert len(open_scoring_pairs(folder, limit=None)[0]) == 16


def test_paths_of_weights_may_be_text(tmp_path):
    path, code = str(tmp_path / "w.safetensors"), str(tmp_path / "own.py")
    assert load_model(str(SHIPPED_BASELINE))[1]["network"] == "Baseline"
    assert save_model(path, Baseline()) == sha256(path)
    Path(code).write_text("from rawkit.nn import Baseline\nclass Own(Baseline):\n    pass\n")
    save_model(path, import_network(code, "Own")(), definition=code)
    assert type(load_model(path, run_code=True)[0]).__name__ == "Own"
    save_arrays(path, {"x": np.ones(2)}, {})
    assert list(load_arrays(path)[0]) == ["x"]


def test_paths_of_a_training_may_be_text(tmp_path, monkeypatch):
    monkeypatch.setattr(release, "VALIDATION_PATCHES", 1)
    monkeypatch.setattr(release, "RELEASE", ({"steps": 1, "crop": 48},))
    pairs = open_pairs(str(DATA))
    history = train(Baseline(), PairBatches(*pairs, 2, 16), 1, checkpoint=str(tmp_path / "c"))
    write_log(str(tmp_path / "log.csv"), history)
    options = {"steps": 1, "scenes": 3, "crop": 48, "data": str(tmp_path)}
    path, _ = pretrain("Baseline", str(tmp_path / "one"), **options)
    pretrain("Baseline", str(tmp_path / "two"), start=str(path), **options)
    pretrain_release(str(tmp_path), scenes=3)
