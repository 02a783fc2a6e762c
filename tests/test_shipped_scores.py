"""What the network and the baseline that come with the suite reach on data/."""

import pytest

from rawkit.nn import SHIPPED, SHIPPED_BASELINE, load_model, score_networks, score_table
from rawkit.places import ROOT
from rawkit.score import score_of_errors

TOLERANCE = 0.02  # the blind estimate may get a little better or worse


@pytest.mark.parametrize("path, score", [(SHIPPED, 9.962), (SHIPPED_BASELINE, 9.032)])
def test_the_shipped_weights_reach_their_score(path, score):
    table = score_table(load_model(path)[0], ROOT / "data")
    assert abs(score_of_errors(table.denoised) - score) < TOLERANCE
    assert abs(score_of_errors(table.untouched) - 6.663) < 0.001
    assert len(table) == 16 and (table.ms > 0).all()


def test_the_shipped_network_leads():
    networks = {path.stem: load_model(path)[0] for path in (SHIPPED_BASELINE, SHIPPED)}
    scores = score_networks(networks, ROOT / "data").score
    assert list(scores.sort_values().index) == ["untouched input", "baseline", "model"]
