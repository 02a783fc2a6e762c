"""Scores of networks on a dataset, and their tables."""

import numpy as np
import pytest

from rawkit import nn
from rawkit.places import ROOT
from rawkit.score import megcup_score, score_of_errors


@pytest.mark.parametrize("path, score", [(nn.SHIPPED, 9.971), (nn.SHIPPED_BASELINE, 9.032)])
def test_the_shipped_weights_reach_their_score(path, score):
    folder = str(ROOT / "data")  # text will do
    noisy, gt = nn.open_scoring_pairs(folder, limit=None)
    assert len(noisy) == 16 and nn.has_test_gt(folder)
    assert len(nn.open_scoring_pairs(ROOT / "data", limit=2)[0]) == 2
    pred = nn.denoise(nn.load_model(path)[0], noisy)
    # the blind estimate may get a little better or worse
    assert abs(megcup_score(pred, gt) - score) < 0.02
    assert abs(megcup_score(noisy, gt) - 6.663) < 0.001


def test_each_answer_has_a_score_and_a_gain_over_the_one_named():
    errors = {"a": np.array([2.0, 3.0]), "b": np.ones(2), "c": np.array([0.5, 0.5])}
    table = nn.tabulate_scores(errors, "b")
    assert list(table.index) == ["a", "b", "c"]
    assert table.score["a"] == score_of_errors(errors["a"])
    assert table.gain["c"] == pytest.approx(1.505, abs=1e-3)
    assert table["95 % of the gain"]["c"] == "+1.51 to +1.51"
    assert table["95 %"]["c"] == "11.51 to 11.51"
    assert table.gain["b"] == 0 and table["95 % of the gain"]["b"] == ""
    assert nn.tabulate_scores(errors).gain["a"] == 0, "the first one, where none is named"
