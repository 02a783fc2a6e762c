import random

import numpy as np
import pytest

from rawkit.noise import estimate_blind, line_variance
from rawkit.synth import MIXED, PRESETS, Sensor, clean_patches
from rawkit.training import batches as batches_file
from rawkit.training.batches import PairBatches, SyntheticBatches


def test_the_published_order_of_patches(pairs):
    noisy_01, gt_01 = next(PairBatches(*pairs, batch_size=4))
    sequence = random.Random(100)
    for i in range(4):
        index = sequence.randint(0, 19)
        np.testing.assert_array_equal(noisy_01[i, 0] * 65536, pairs[0][index])
        np.testing.assert_array_equal(gt_01[i, 0] * 65536, pairs[1][index])


def test_the_indexing_fault_only_ever_sees_the_first_patches(pairs):
    batches = PairBatches(*pairs, batch_size=4, index_fault=True)
    for _ in range(3):
        np.testing.assert_array_equal(next(batches)[1][:, 0] * 65536, pairs[1][:4])


def test_crops_of_the_pair_lie_at_the_same_place(rng):
    patches = rng.integers(0, 65536, (3, 256, 256), dtype=np.uint16)
    noisy_01, gt_01 = next(PairBatches(patches, patches, crop=32, views=True))
    np.testing.assert_array_equal(noisy_01, gt_01)
    assert noisy_01.shape == (16, 1, 32, 32) and noisy_01.dtype == np.float32


def test_whole_patches_can_still_be_transposed():
    patches = np.arange(256 * 256, dtype=np.uint16).reshape(1, 256, 256)
    images = next(PairBatches(patches, patches, views=True))[0][:, 0] * np.float32(65536)
    kinds = {image.tobytes() for image in images}
    assert kinds == {np.float32(patches[0]).tobytes(), np.float32(patches[0].T).tobytes()}


def test_pairs_that_do_not_fit_are_named(pairs):
    with pytest.raises(ValueError, match=r"\(3, 256, 256\).*\(20, 256, 256\)"):
        PairBatches(pairs[0], pairs[1][:3])
    with pytest.raises(ValueError, match="found 3 pairs"):
        PairBatches(pairs[0][:3], pairs[1][:3], index_fault=True)
    with pytest.raises(ValueError, match="crop: found 300, expected an even number, 2 to 256"):
        PairBatches(*pairs, crop=300)


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


@pytest.mark.parametrize("vary", [False, True])
def test_the_line_given_is_the_noise_that_was_added(scenes, vary):
    batches = SyntheticBatches(scenes, 16, 64, vary=vary, line_error=0.0, blind_share=0.0)
    ratios = []
    for _ in range(8):
        for noisy, line, gt in zip(*next(batches)):
            inside = (gt > 0.1) & (gt < 0.3)
            if inside.sum() > 500:
                variance = line_variance((line[0], line[1]), gt[inside] * 65536)
                residual = (noisy - gt)[inside] * 65536
                ratios.append(np.mean(residual**2 / variance))
    assert len(ratios) > 20
    assert abs(np.median(ratios) - 1) < 0.05


def test_row_noise_and_quantization_count_once_in_the_line_given(scenes, monkeypatch):
    coarse = Sensor(10, 500.0, 65472.0, 20.0, 15.0, 12.0, np.ones(4), 0.0)
    monkeypatch.setattr(batches_file, "random_sensor", lambda rng, recipe: coarse)
    _, line, _ = next(SyntheticBatches(scenes, 2, 64, line_error=0.0, blind_share=0.0))
    dark = 15.0**2 + 12.0**2 + 64.0**2 / 12
    np.testing.assert_allclose(line[:, 0] * 500 + line[:, 1], dark, rtol=1e-4)


def test_half_of_the_lines_are_estimated_from_the_crop_itself(scenes):
    noisy, line, _ = next(SyntheticBatches(scenes, batch_size=4, crop=64))
    estimate = estimate_blind(noisy[:, 0] * 65536)
    same = np.isclose(line[:, 0], estimate.shot_noise, rtol=1e-4)
    assert same.tolist() == [True, True, False, False]


def test_scenes_of_several_recipes_get_their_own_sensors(scenes, monkeypatch):
    given, draw = [], batches_file.random_sensor
    monkeypatch.setattr(
        batches_file, "random_sensor", lambda rng, recipe: given.append(recipe) or draw(rng, recipe)
    )
    recipes = MIXED, PRESETS["sharp"]
    next(SyntheticBatches(scenes, 16, 64, recipes=recipes, blind_share=0.0))
    assert set(given) == set(recipes)


def test_a_crop_that_tells_nothing_is_given_the_true_line(scenes):
    noisy, line, _ = next(SyntheticBatches(scenes * 0, batch_size=4, crop=64, blind_share=1.0))
    assert np.isfinite(line).all()
