"""What the network and the baseline that come with the suite reach on data/."""

import pytest

from rawkit import normalized_l1
from rawkit.nn import (
    SHIPPED,
    SHIPPED_BASELINE,
    denoise,
    load_model,
    open_scoring_pairs,
    tabulate_scores,
)
from rawkit.places import ROOT
from rawkit.score import score_of_errors

TOLERANCE = 0.02  # the blind estimate may get a little better or worse


NOISY, GT = open_scoring_pairs(ROOT / "data")


def errors_of(path):
    return normalized_l1(denoise(load_model(path)[0], NOISY), GT)


@pytest.mark.parametrize("path, score", [(SHIPPED, 9.949), (SHIPPED_BASELINE, 9.032)])
def test_the_shipped_weights_reach_their_score(path, score):
    assert abs(score_of_errors(errors_of(path)) - score) < TOLERANCE
    assert abs(score_of_errors(normalized_l1(NOISY, GT)) - 6.663) < 0.001
    assert len(NOISY) == 16


def test_the_shipped_network_leads_on_other_patches_too():
    errors = {path.stem: errors_of(path) for path in (SHIPPED_BASELINE, SHIPPED)}
    gains = tabulate_scores(dict({"untouched": normalized_l1(NOISY, GT)}, **errors), "baseline")
    assert list(gains.gain.sort_values().index) == ["untouched", "baseline", "model"]
    low, high = map(float, gains["95 % of the gain"]["model"].split(" to "))
    assert 0.5 < low < gains.gain["model"] < high < 1.5
