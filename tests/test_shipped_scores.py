"""What the network and the baseline that come with the suite reach on data/."""

import pytest

from rawkit.nn import SHIPPED, SHIPPED_BASELINE, load_model, score_table, tabulate_scores
from rawkit.places import ROOT
from rawkit.score import score_of_errors

TOLERANCE = 0.02  # the blind estimate may get a little better or worse


@pytest.mark.parametrize("path, score", [(SHIPPED, 9.949), (SHIPPED_BASELINE, 9.032)])
def test_the_shipped_weights_reach_their_score(path, score):
    table = score_table(load_model(path)[0], ROOT / "data")
    assert abs(score_of_errors(table.denoised) - score) < TOLERANCE
    assert abs(score_of_errors(table.untouched) - 6.663) < 0.001
    assert len(table) == 16 and (table.ms > 0).all()


def test_the_shipped_network_leads_on_other_patches_too():
    tables = {
        p.stem: score_table(load_model(p)[0], ROOT / "data") for p in (SHIPPED_BASELINE, SHIPPED)
    }
    errors = {name: table.denoised for name, table in tables.items()}
    gains = tabulate_scores(dict({"untouched": tables["model"].untouched}, **errors), "baseline")
    assert list(gains.gain.sort_values().index) == ["untouched", "baseline", "model"]
    low, high = map(float, gains["95 % of the gain"]["model"].split(" to "))
    assert 0.5 < low < gains.gain["model"] < high < 1.5
