import numpy as np
import pytest

from rawkit.nn import tabulate_scores
from rawkit.score import interval_of_errors, score_of_errors


def test_each_answer_has_a_score_a_gain_and_their_intervals():
    errors = {"noisy": np.array([2.0, 4.0, 3.0]), "mine": np.array([1.0, 2.0, 1.4])}
    table = tabulate_scores(errors)
    assert list(table.index) == ["noisy", "mine"]
    assert table.score["mine"] == score_of_errors(errors["mine"])
    assert table.gain["mine"] == pytest.approx(table.score["mine"] - table.score["noisy"])
    assert table["95 %"]["mine"] == "%.2f to %.2f" % interval_of_errors(errors["mine"])
    paired = interval_of_errors(errors["mine"], errors["noisy"])
    assert table["95 % of the gain"]["mine"] == "%+.2f to %+.2f" % paired
    assert table.gain["noisy"] == 0 and table["95 % of the gain"]["noisy"] == ""


def test_gains_are_measured_against_the_answer_named():
    table = tabulate_scores({"a": [2.0, 3.0], "b": [1.0, 1.0], "c": [0.5, 0.5]}, "b")
    assert table.gain["c"] == pytest.approx(1.505, abs=1e-3)
    assert table["95 % of the gain"]["c"] == "+1.51 to +1.51"
    assert table["95 % of the gain"]["b"] == ""
