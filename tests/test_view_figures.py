"""Static figures: what they draw is the data, at fixed scales."""

import matplotlib

matplotlib.use("agg")

import numpy as np
import pytest
from matplotlib import pyplot as plt

from rawkit import normalized_l1
from rawkit.view import (
    error_map,
    estimate_rendering,
    log_ticks,
    paint_error,
    paint_residual,
    plot_comparison,
    render,
    residual_map,
    use_style,
)


@pytest.fixture
def scene(rng):
    gt = np.full((256, 256), 9000.0)
    gt[96:160, 128:192] += 6000 * (np.arange(64) // 8 % 2)  # stripes: the busiest part
    noisy = gt + rng.standard_normal(gt.shape) * np.sqrt(60 * gt)
    return noisy, gt + 0.25 * (noisy - gt), gt


@pytest.fixture(autouse=True)
def close_figures():
    with matplotlib.rc_context():
        yield
    plt.close("all")


def drawn(figure):
    return [axes.images[0].get_array() for axes in figure.axes if axes.images]


def test_error_map_averages_to_the_score_term(scene):
    noisy, pred, gt = scene
    assert error_map(pred, gt).mean() == pytest.approx(normalized_l1(pred[None], gt[None])[0])


def test_uint16_does_not_wrap():
    low, high = np.full((2, 2), 10, np.uint16), np.full((2, 2), 26, np.uint16)
    assert error_map(low, np.full((2, 2), 25, np.uint16)).tolist() == [[3, 3], [3, 3]]
    assert (residual_map(low, high) < 0).all()


def test_paintings_have_fixed_ends():
    gt = np.full((2, 2), 10000)
    shown = paint_error(gt + np.array([[0, 1000], [5000, -1000]]), gt)  # 0, 10, 50, 10 sqrt(DN)
    assert shown[0, 0].tolist() == [0, 0, 3] and shown[0, 1].min() > 160
    assert (shown[0, 1] == shown[1, 0]).all() and (shown[0, 1] == shown[1, 1]).all()
    noisy = np.full((2, 2), 10000)
    gray = paint_residual(noisy, noisy - np.array([[0, 2000], [-2000, 1000]]))[..., 0]
    assert gray.tolist() == [[128, 255], [0, 192]]


def test_comparison_draws_what_it_says(scene):
    noisy, pred, gt = scene
    figure = plot_comparison(noisy, pred, gt)
    assert figure.get_figwidth() * figure.dpi == 800
    rendering = estimate_rendering(noisy)
    pictures = [render(image, rendering) for image in scene] + [error_map(pred, gt)]
    for shown, whole, part in zip(pictures, drawn(figure)[0::2], drawn(figure)[1::2]):
        np.testing.assert_array_equal(whole, shown)
        np.testing.assert_array_equal(part, shown[96:160, 128:192])
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    errors = [normalized_l1(image[None], gt[None])[0] for image in (noisy, pred)]
    assert "noisy\nerror %.2f" % errors[0] in titles
    assert "denoised\nerror %.2f" % errors[1] in titles
    assert "Denoising removed 75 % of the error" in [text.get_text() for text in figure.texts]


def test_detail_is_enlarged_by_a_whole_factor(scene):
    figure = plot_comparison(*scene)
    figure.canvas.draw()
    part = figure.axes[1]
    box = part.get_window_extent()
    assert (box.width, box.height) == pytest.approx((192, 192))
    shown = np.asarray(figure.canvas.buffer_rgba())[..., :3]
    top, left = int(round(shown.shape[0] - box.y1)), int(round(box.x0))
    expected = np.repeat(np.repeat(drawn(figure)[1], 3, 0), 3, 1)
    np.testing.assert_array_equal(shown[top : top + 192, left : left + 192], expected)


def test_scale_of_the_error_is_the_same_for_good_and_bad(scene):
    noisy, pred, gt = scene
    scales = {plot_comparison(noisy, p, gt).axes[6].images[0].get_clim() for p in (noisy, pred, gt)}
    assert scales == {(0, 10)}


def test_a_worse_result_is_called_worse(scene):
    noisy, _, gt = scene
    figure = plot_comparison(noisy, gt + 2 * (noisy - gt), gt)
    assert "The error grew by 100 %" in [text.get_text() for text in figure.texts]


def test_without_reference_it_shows_what_was_removed(scene):
    noisy, pred, _ = scene
    figure = plot_comparison(noisy, pred)
    np.testing.assert_allclose(drawn(figure)[4], residual_map(noisy, pred))
    assert len(drawn(figure)) == 6
    assert not any("error" in axes.get_title(loc="left") for axes in figure.axes)


def test_black_reference_is_an_error_not_a_blank(scene):
    with pytest.raises(ValueError, match="mean 0"):
        plot_comparison(scene[0], scene[1], np.zeros((256, 256)))


def test_shapes_are_named(scene):
    with pytest.raises(ValueError, match=r"\(256, 256\), \(128, 128\)"):
        plot_comparison(scene[0], scene[1][:128, :128])
    with pytest.raises(ValueError, match=r"gt.*\(1, 256, 256\)"):
        plot_comparison(scene[0], scene[1], scene[2][None])


def test_style_makes_figures_800_pixels_wide():
    use_style()
    figure, axes = plt.subplots()
    assert figure.get_figwidth() * figure.dpi == 800
    assert plt.rcParams["font.size"] >= 10


def test_logarithmic_axes_get_plain_numbers():
    figure, axes = plt.subplots()
    axes.set(xscale="log", xlim=(150, 6000), ylim=(0, 1))
    log_ticks(axes)
    figure.canvas.draw()
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert {"200", "500", "1000", "2000", "5000"} <= set(labels)
    assert not any(label.get_text() for label in axes.get_xticklabels(minor=True))
    plt.close(figure)
