import numpy as np
import pytest

from rawkit import megcup_score, normalized_l1
from rawkit.score import interval_of_errors, score_interval, score_of_errors


def test_score_is_the_formula_also_where_uint16_would_wrap(rng):
    gt = rng.integers(0, 65536, (4, 8, 8), dtype=np.uint16)
    pred = rng.integers(0, 65536, (4, 8, 8), dtype=np.uint16)
    p, g = pred.astype(np.float64), gt.astype(np.float64)
    diff = np.abs(p - g).mean(axis=(1, 2)) / np.sqrt(g.mean(axis=(1, 2)))
    np.testing.assert_allclose(normalized_l1(pred, gt), diff, rtol=1e-12)
    assert abs(megcup_score(pred, gt) - 5 * np.log10(100 / diff.mean())) < 1e-6
    assert megcup_score(gt, gt) == np.inf
    wrapped = np.abs(pred - gt).astype(float).mean()
    assert abs(wrapped - np.abs(p - g).mean()) > 1000, "the example must be able to wrap"


def test_what_cannot_be_scored_is_named():
    gt = np.ones((1, 4, 4))
    for pair, words in (
        ((gt.repeat(2, 0), gt.repeat(3, 0)), r"\(2, 4, 4\).*\(3, 4, 4\)"),
        ((gt[0], gt[0]), "N, H, W"),
        ((gt[:0], gt[:0]), r"\(0, 4, 4\)"),
        ((gt * np.nan, gt), "patch 0 of pred.*NaN"),
        ((gt, gt * 0), "patch 0 of gt has mean 0"),
    ):
        with pytest.raises(ValueError, match=words):
            megcup_score(*pair)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(1)
    population = rng.lognormal(0, 0.6, 5000)  # errors of patches as they are spread in data/
    truth, held = score_of_errors(population), 0
    for _ in range(200):
        low, high = interval_of_errors(rng.choice(population, 40))
        held += low < truth < high
    assert 180 <= held <= 198, held  # of 200; a percentile bootstrap is a little too narrow


def test_pairing_takes_out_what_is_common_to_both():
    rng = np.random.default_rng(2)
    hard = rng.lognormal(0, 0.6, 16)  # some patches are hard for everyone
    better = 0.9 * hard * rng.lognormal(0, 0.02, 16)
    low, high = interval_of_errors(better, hard)
    alone = interval_of_errors(better)
    assert low > 0 and high - low < (alone[1] - alone[0]) / 10
    backwards = interval_of_errors(hard, better)
    np.testing.assert_allclose(backwards, (-high, -low))


def test_the_interval_of_patches_is_that_of_their_errors(rng):
    gt = rng.integers(1000, 60000, (5, 8, 8)).astype(np.uint16)
    noisy, pred = ((gt + rng.normal(0, x, gt.shape)).astype(np.uint16) for x in (300, 100))
    low, high = score_interval(pred, gt)
    assert low < megcup_score(pred, gt) < high
    errors = normalized_l1(pred, gt), normalized_l1(noisy, gt)
    assert score_interval(pred, gt, noisy, 3) == interval_of_errors(*errors, 3)


def test_what_has_no_interval():
    assert np.isnan(interval_of_errors(np.array([1.0]))).all()
    with pytest.raises(ValueError, match=r"\(2,\) and \(3,\)"):
        interval_of_errors(np.ones(2), np.ones(3))
