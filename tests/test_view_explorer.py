"""The explorer: lazy, cached, honest about what it lacks."""

import asyncio
import threading

import numpy as np
import pytest

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


def test_starts_with_input_first_denoiser_and_reference(scenes, denoisers):
    noisy, gt = scenes
    explorer = explore(noisy, denoisers, gt)
    assert explorer.slider.labels == ["input", "model", "reference"]
    expected = compare([noisy[0], denoisers["model"](noisy[:1])[0], gt[0]], max_bytes=None)
    for shown, image in zip(explorer.slider.images, expected.images):
        np.testing.assert_array_equal(shown, image)


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
    choices = [
        ("place", 2),
        ("stops", -1),
        ("left", "reference"),
        ("middle", "slow"),
        ("right", "error of model"),
    ]
    for name, value in choices:
        before = explorer.slider._repr_html_()
        getattr(explorer, name).value = value
        assert explorer.slider._repr_html_() != before, name


def test_maps_show_the_error_and_what_was_removed(scenes, denoisers):
    noisy, gt = scenes
    explorer = explore(noisy, denoisers, gt)
    explorer.middle.value, explorer.right.value = "error of model", "removed by model"
    pred = denoisers["model"](noisy[:1])[0]
    _, error, removed = explorer.slider.images
    np.testing.assert_array_equal(error, paint_error(pred, gt[0]))
    np.testing.assert_array_equal(removed, paint_residual(noisy[0], pred))


def test_sorts_by_errors_read_elsewhere(scenes, denoisers):
    explorer = explore(scenes[0], denoisers, scenes[1], errors=[1.0, 3.0, 2.0])
    explorer.place.value = 1
    explorer.order.value = "worst error"
    assert [explorer.place.value, explorer.index] == [0, 1]
    assert "error 3.00, number 1 from the worst" in explorer.text.value
    explorer.place.value = 2
    assert explorer.index == 0


def test_sorts_by_noise_and_brightness(scenes, denoisers):
    measured = []

    def noise(patch):
        measured.append(patch)
        return [5.0, 9.0, 2.0][len(measured) - 1]

    explorer = explore(scenes[0], denoisers, noise=noise)
    assert len(measured) == 1 and "estimated noise 5 DN" in explorer.text.value
    explorer.order.value = "most noise"
    assert explorer.index == 1 and len(measured) == 3, "each patch is measured once"
    explorer.place.value = 2
    assert explorer.index == 2
    explorer.order.value = "darkest"
    assert explorer.index == 1


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


def test_reads_only_what_is_shown(scenes, denoisers, tmp_path):
    from rawkit import open_patches, write_patches

    patches = np.tile(scenes[0], (1, 4, 4))
    explorer = explore(open_patches(write_patches(tmp_path / "a.bin", patches)), denoisers)
    explorer.place.value = 2
    assert explorer.slider.images[0].shape == (256, 256, 3)


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda a: dict(a, noisy=a["noisy"][0]), r"\(64, 64\), expected patches \(N, H, W\)"),
        (lambda a: dict(a, gt=a["gt"][:2]), r"\(3, 64, 64\) and gt \(2, 64, 64\)"),
        (lambda a: dict(a, errors=[1, 2]), r"errors: found shape \(2,\), expected \(3,\)"),
        (lambda a: dict(a, denoisers={}), "expected a dict of name: function"),
        (lambda a: dict(a, denoisers={"input": abs}), "'input' and 'reference' are taken"),
        (lambda a: dict(a, start=3), "found 3, expected 0 to 2"),
    ],
)
def test_bad_arguments_are_named(scenes, denoisers, change, words):
    arguments = {"noisy": scenes[0], "denoisers": denoisers, "gt": scenes[1]}
    with pytest.raises(ValueError, match=words):
        explore(**change(arguments))


def test_without_a_kernel_it_is_a_line_of_text(scenes, denoisers):
    text = "Explorer of 3 patches (model, slow): run the notebook to use it"
    assert repr(explore(scenes[0], denoisers)) == text
