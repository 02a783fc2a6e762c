import numpy as np
import pytest

from rawkit.nn import tabulate_scores
from rawkit.score import score_of_errors


def test_each_answer_has_a_score_and_a_gain_over_the_one_named():
    errors = {"a": np.array([2.0, 3.0]), "b": np.ones(2), "c": np.array([0.5, 0.5])}
    table = tabulate_scores(errors, "b")
    assert list(table.index) == ["a", "b", "c"]
    assert table.score["a"] == score_of_errors(errors["a"])
    assert table.gain["c"] == pytest.approx(1.505, abs=1e-3)
    assert table["95 % of the gain"]["c"] == "+1.51 to +1.51"
    assert table["95 %"]["c"] == "11.51 to 11.51"
    assert table.gain["b"] == 0 and table["95 % of the gain"]["b"] == ""
    assert tabulate_scores(errors).gain["a"] == 0, "the first one, where none is named"
