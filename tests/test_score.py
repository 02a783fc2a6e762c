import numpy as np
import pytest

from rawkit import megcup_score, normalized_l1


def test_score_is_the_formula_also_where_uint16_would_wrap(rng):
    gt = rng.integers(0, 65536, (4, 8, 8), dtype=np.uint16)
    pred = rng.integers(0, 65536, (4, 8, 8), dtype=np.uint16)
    p, g = pred.astype(np.float64), gt.astype(np.float64)
    diff = np.abs(p - g).mean(axis=(1, 2)) / np.sqrt(g.mean(axis=(1, 2)))
    np.testing.assert_allclose(normalized_l1(pred, gt), diff, rtol=1e-12)
    assert abs(megcup_score(pred, gt) - 5 * np.log10(100 / diff.mean())) < 1e-6
    wrapped = np.abs(pred - gt).astype(float).mean()
    assert abs(wrapped - np.abs(p - g).mean()) > 1000, "the example must be able to wrap"


def test_scores_of_the_board_map_to_its_errors():
    # the baseline's 8.4482 and the winners' region, from the published formula
    for score, diff in ((8.4482, 2.043), (9.0, 1.585)):
        gt = np.full((1, 4, 4), 10000.0)
        assert abs(megcup_score(gt + 100 * diff, gt) - score) < 5e-4


def test_a_perfect_answer_is_infinite():
    gt = np.full((2, 4, 4), 7, np.uint16)
    assert megcup_score(gt, gt) == np.inf


@pytest.mark.parametrize(
    "pred, gt, words",
    [
        (np.ones((2, 4, 4)), np.ones((3, 4, 4)), r"\(2, 4, 4\).*\(3, 4, 4\)"),
        (np.ones((4, 4)), np.ones((4, 4)), "N, H, W"),
        (np.ones((0, 4, 4)), np.ones((0, 4, 4)), "no patches"),
        (np.full((1, 4, 4), np.nan), np.ones((1, 4, 4)), "patch 0 of pred.*NaN"),
        (np.ones((1, 4, 4)), np.zeros((1, 4, 4)), "patch 0 of gt has mean 0"),
    ],
)
def test_what_cannot_be_scored_is_named(pred, gt, words):
    with pytest.raises(ValueError, match=words):
        megcup_score(pred, gt)
