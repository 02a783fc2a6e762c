import numpy as np
import pytest

from rawkit.estimate import line_variance
from rawkit.pretrain import pretrain
from rawkit.synth import clean_patches
from rawkit.train import SyntheticBatches
from rawkit.weights import load_model


@pytest.fixture(scope="module")
def scenes():
    return clean_patches(4, seed=3, workers=1)


def test_synthetic_batches_repeat_and_can_be_restored(scenes):
    batches = SyntheticBatches(scenes, batch_size=3, crop=64)
    first, second = next(batches), next(batches)
    assert [array.shape for array in first] == [(3, 1, 64, 64), (3, 2), (3, 1, 64, 64)]
    assert not np.array_equal(first[0], second[0])
    again = SyntheticBatches(scenes, batch_size=3, crop=64)
    again.restore(1)
    for found, expected in zip(next(again), second):
        np.testing.assert_array_equal(found, expected)
    assert again.state() == 2


def test_the_line_given_is_the_noise_that_was_added(scenes):
    batches = SyntheticBatches(scenes, batch_size=16, crop=64, line_error=0.0)
    ratios = []
    for _ in range(8):
        for noisy, line, gt in zip(*next(batches)):
            inside = (gt > 0.02) & (gt < 0.9)
            if inside.sum() > 500:
                variance = line_variance((line[0], line[1]), gt[inside] * 65536)
                residual = (noisy - gt)[inside] * 65536
                ratios.append(np.mean(residual**2 / variance))
    assert len(ratios) > 30
    assert abs(np.median(ratios) - 1) < 0.03


@pytest.mark.parametrize("network", ["BlindUNet", "Baseline"])
def test_a_network_is_trained_from_nothing(tmp_path, network):
    path, history = pretrain(network, tmp_path, steps=2, scenes=3)
    assert len(history.losses) == 2 and np.isfinite(history.losses).all()
    model, meta = load_model(path)
    assert type(model).__name__ == network
    assert meta["command"] == "python -m rawkit train %s --steps 2 --scenes 3 --seed 1" % network
    assert (tmp_path / (network + "_log.csv")).read_text().startswith("step,loss,score")


def test_an_unknown_network_is_named(tmp_path):
    with pytest.raises(ValueError, match="'Large'.*Baseline, BlindUNet"):
        pretrain("Large", tmp_path)
