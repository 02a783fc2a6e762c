"""Static figures: what they draw is the data, at fixed scales."""

import matplotlib

matplotlib.use("agg")

import numpy as np
import pytest
from matplotlib import pyplot as plt

from rawkit import normalized_l1, view
from rawkit.view import estimate_rendering, paint_error, paint_residual, plot_comparison, render


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


def shown_part(axes):
    """What the frame marks that is drawn in a whole picture."""
    (frame,) = axes.patches
    left, top = (int(start + 0.5) for start in frame.get_xy())
    return slice(top, top + 128), slice(left, left + 128)


def test_paintings_have_fixed_ends():
    gt = np.full((2, 2), 10000, np.uint16)  # differences must not wrap
    shown = paint_error(gt + np.array([[0, 1000], [5000, -1000]]), gt)  # 0, 10, 50, 10 sqrt(DN)
    assert shown[0, 0].tolist() == [0, 0, 3] and shown[0, 1].min() > 160
    assert (shown[0, 1] == shown[1, 0]).all() and (shown[0, 1] == shown[1, 1]).all()
    gray = paint_residual(gt, gt - np.array([[0, 2000], [-2000, 1000]]))[..., 0]
    assert gray.tolist() == [[128, 255], [0, 192]]


def test_comparison_draws_what_it_says(scene):
    noisy, pred, gt = scene
    figure = plot_comparison(noisy, pred, gt)
    assert figure.get_figwidth() * figure.dpi == 784
    rendering = estimate_rendering(noisy)
    part = rows, columns = shown_part(figure.axes[5])
    assert rows.start <= 96 and rows.stop >= 160, "all stripes"
    assert columns.start <= 128 and columns.stop >= 192
    pictures = [render(image, rendering)[part] for image in scene]
    pictures += [paint_error(image, gt)[part] for image in (noisy, pred)]
    for shown, expected in zip(drawn(figure), pictures + [render(gt, rendering)]):
        np.testing.assert_array_equal(shown, expected)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    for image in (noisy, pred):
        assert f"error {normalized_l1(image[None], gt[None])[0]:.2f}" in titles
    assert figure.texts[0].get_text().startswith("Denoised: error -75 % ")


def test_pixels_are_enlarged_by_a_whole_factor(scene):
    figure = plot_comparison(*scene)
    figure.canvas.draw()
    screen = np.asarray(figure.canvas.buffer_rgba())[..., :3]
    for i, shown in enumerate(drawn(figure)[:5]):
        box = figure.axes[i].get_window_extent()
        top, left = int(round(screen.shape[0] - box.y1)), int(round(box.x0))
        expected = np.repeat(np.repeat(shown, 2, 0), 2, 1)
        height, width = expected.shape[:2]
        assert (box.width, box.height) == pytest.approx((width, height)) and width == 256
        np.testing.assert_array_equal(screen[top : top + height, left : left + width], expected)
    whole = figure.axes[5].get_window_extent()
    assert (whole.width, whole.height) == pytest.approx((256, 256))


def test_a_worse_result_is_called_worse(scene):
    noisy, _, gt = scene
    figure = plot_comparison(noisy, gt + 2 * (noisy - gt), gt)
    assert figure.texts[0].get_text().startswith("Denoised: error +100 % ")


def test_without_reference_it_shows_what_was_removed(scene):
    noisy, pred, _ = scene
    figure = plot_comparison(noisy, pred)
    removed = paint_residual(noisy, pred)[shown_part(figure.axes[3])]
    np.testing.assert_array_equal(drawn(figure)[2], removed)
    assert not any("error" in axes.get_title(loc="left") for axes in figure.axes)


def test_style_makes_plots_that_can_be_read_on_a_telephone():
    view.use_style()
    figure, axes = plt.subplots()
    axes.set(title="x", xlabel="x")
    figure.canvas.draw()
    labels = [axes.title, axes.xaxis.label, axes.get_xticklabels()[0]]
    shrunk = 360 / (figure.get_figwidth() * figure.dpi)  # of 390 pixels, the page's edges taken off
    assert min(label.get_size() for label in labels) * figure.dpi / 72 * shrunk >= 9


def test_logarithmic_axes_get_plain_numbers():
    figure, axes = plt.subplots()
    axes.set(xscale="log", xlim=(150, 6000), ylim=(0, 1))
    view.log_ticks(axes)
    figure.canvas.draw()
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert {"200", "500", "1000", "2000", "5000"} <= set(labels)
    assert not any(label.get_text() for label in axes.get_xticklabels(minor=True))


def test_the_style_holds_nothing_that_matplotlib_does_not_know(caplog):
    view.use_style()
    assert not caplog.records
