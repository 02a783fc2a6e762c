"""The explorer: lazy, cached, honest about what it lacks."""

import asyncio
import threading

import numpy as np
import pytest
from slider_pictures import pictures_of

from rawkit.view import compare, explore, paint_error, paint_residual


@pytest.fixture
def scenes(rng):
    y, x = np.mgrid[:64, :64]
    gt = np.stack([2000.0 * i + 1500 * np.sin(x / (4.0 + i)) for i in (4, 1, 8)])
    noise = rng.standard_normal(gt.shape) * np.sqrt(60 * gt) * np.array([1, 2, 0.5])[:, None, None]
    noisy = np.clip(np.round(gt + noise), 0, 65535).astype(np.uint16)
    return noisy, np.round(gt).astype(np.uint16)


class Counter:
    """A denoiser that keeps count of its calls."""

    def __init__(self, factor):
        self.factor, self.calls = factor, []

    def __call__(self, patches):
        assert patches.ndim == 3 and len(patches) == 1
        self.calls.append(int(patches[0, 0, 0]))
        mean = patches.mean()
        return mean + self.factor * (patches - mean)


@pytest.fixture
def denoisers():
    return {"model": Counter(0.5), "slow": Counter(0.25)}


def test_denoisers_run_in_the_thread_that_made_the_explorer(scenes):
    noisy, gt = scenes
    threads = []

    def denoiser(patches):
        threads.append(threading.current_thread())
        return patches

    async def notebook():
        explorer = explore(noisy, {"model": denoiser}, gt)
        front_end = threading.Thread(target=setattr, args=(explorer.place, "value", 1))
        front_end.start()
        while front_end.is_alive():
            await asyncio.sleep(0.01)
        assert explorer.text.value.startswith("<b>patch 1</b>")

    asyncio.run(notebook())
    assert threads == [threading.current_thread()] * 2


def test_denoisers_run_when_chosen_and_only_once(scenes, denoisers):
    noisy, gt = scenes
    explorer = explore(noisy, denoisers, gt)
    explorer.place.value = 1
    explorer.place.value = 0
    explorer.stops.value = 2
    assert denoisers["model"].calls == [noisy[0, 0, 0], noisy[1, 0, 0]]
    assert denoisers["slow"].calls == []
    explorer.right.value = "slow"
    assert denoisers["slow"].calls == [noisy[0, 0, 0]]


def test_every_control_changes_the_pictures(scenes, denoisers):
    explorer = explore(scenes[0], denoisers, scenes[1])
    choices = {"place": 2, "stops": -1, "left": "reference", "middle": "slow"}
    for name, value in choices.items():
        before = explorer.slider._repr_html_()
        getattr(explorer, name).value = value
        assert explorer.slider._repr_html_() != before, name


def test_every_view_shows_what_it_is_named(scenes, denoisers):
    noisy, gt = scenes
    explorer = explore(noisy, denoisers, gt)
    assert explorer.slider.labels == ["input", "model", "reference"]
    pred = denoisers["model"](noisy[:1])[0]
    expected = pictures_of(compare([noisy[0], pred, gt[0]], max_bytes=None))
    np.testing.assert_array_equal(pictures_of(explorer.slider), expected)
    explorer.middle.value, explorer.right.value = "error of model", "removed by model"
    expected = paint_error(pred, gt[0]), paint_residual(noisy[0], pred)
    np.testing.assert_array_equal(pictures_of(explorer.slider)[1:], expected)


def test_sorts_by_error_noise_and_brightness(scenes, denoisers):
    measured = []

    def noise(patch):
        measured.append(patch)
        return [5.0, 9.0, 2.0][len(measured) - 1]

    explorer = explore(scenes[0], denoisers, errors=[1.0, 3.0, 2.0], noise=noise)
    assert repr(explorer) == "Explorer of 3 patches (model, slow): run the notebook to use it"
    assert len(measured) == 1 and "estimated noise 5 DN" in explorer.text.value
    explorer.order.value = "most noise"
    assert explorer.index == 1 and len(measured) == 3, "each patch is measured once"
    explorer.place.value = 2
    assert explorer.index == 2
    explorer.order.value = "worst error"
    assert [explorer.place.value, explorer.index] == [0, 1]
    assert "error 3.00" in explorer.text.value
    explorer.order.value = "darkest"
    assert explorer.index == 1
    with pytest.raises(ValueError, match="errors: found 2 patches, expected 3"):
        explore(scenes[0], denoisers, errors=[1.0, 2.0])


def test_without_reference_error_views_are_gone_and_it_says_why(scenes, denoisers):
    explorer = explore(scenes[0], denoisers)
    assert explorer.slider.labels == ["input", "model"]
    views = explorer.left.options
    assert "removed by model" in views and "reference" not in views
    assert not any(view.startswith("error") for view in views)
    assert "no reference" in explorer.text.value
    assert "most noise" not in explorer.order.options


def test_a_failing_denoiser_says_so_and_recovers(scenes, denoisers):
    denoisers["broken"] = lambda patches: patches[:, :2]
    explorer = explore(scenes[0], denoisers)
    with pytest.raises(ValueError, match="broken: found shape .1, 2, 64."):
        explorer.right.value = "broken"
    explorer.right.value = "slow"
    assert explorer.slider.labels == ["input", "slow"]
