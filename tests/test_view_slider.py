"""The compare slider's HTML: honest pictures, bounded size, clear errors."""

import re
from html import unescape

import numpy as np
import pytest
from slider_pictures import pictures_of

from rawkit import normalized_l1
from rawkit.view import CompareSlider, compare, estimate_rendering, plot_comparison, render


@pytest.fixture
def scene(rng):
    y, x = np.mgrid[:256, :256]
    gt = 8000 + 5000 * np.sin(x / 9.0) * np.cos(y / 13.0) + 1500 * ((x // 32 + y // 32) % 2)
    noisy = np.clip(np.round(gt + rng.standard_normal(gt.shape) * np.sqrt(60 * gt)), 0, 65535)
    pred = np.round(gt + 0.3 * (noisy - gt))
    return noisy.astype(np.uint16), pred.astype(np.uint16), np.round(gt).astype(np.uint16)


def test_all_images_get_the_rendering_of_the_first_and_saved_ones_a_bounded_size(scene):
    rendering = estimate_rendering(scene[0])
    whole = np.array([render(mosaic, rendering) for mosaic in scene])
    np.testing.assert_array_equal(pictures_of(compare(scene, max_bytes=None)), whole)
    slider = compare(scene)
    assert len(slider._repr_html_().encode()) <= 250000
    top, left, height, width = slider.crop
    assert 128 <= height < 256 and top % 2 == left % 2 == 0
    cropped = whole[:, top : top + height, left : left + width]
    np.testing.assert_array_equal(pictures_of(slider), cropped)


def test_static_picture_stands_in_a_table_with_its_labels(scene):
    text = compare(scene, labels=("a <b>", "denoised", "reference"))._repr_html_()
    assert text.index("<table") < text.index("<img") < text.index("<script")
    images = [dict(re.findall('([a-z-]+)="([^"]*)"', tag)) for tag in re.findall("<img .*?>", text)]
    assert [unescape(image["alt"]) for image in images] == ["a <b>", "denoised", "reference"]
    assert "<b>" not in text
    error = normalized_l1(scene[1][None], scene[2][None])[0]
    assert images[1]["data-note"] == f"error {error:.2f}" and images[2]["data-note"] == ""
    assert f">denoised \u00b7 error {error:.2f}<" in unescape(text)


def test_nothing_is_fetched_and_the_text_repeats(scene):
    text = compare(scene)._repr_html_()
    own = re.sub('src="data:image/png;base64,[^"]*"', "", text)
    assert not re.search("https?:|src=|url\\(|@import|fetch|XMLHttpRequest", own)
    assert text == compare(scene)._repr_html_()  # no random ids: saved notebooks don't change


def test_errors_need_a_reference_with_light(scene):
    black = np.zeros_like(scene[2])
    for gt, error in ((None, False), (scene[2], True), (black, False)):
        text = compare(scene[:2], gt=gt)._repr_html_()
        assert ("error" in text.split("<script>")[0]) is error
    assert len(plot_comparison(*scene[:2], black).axes) == len(plot_comparison(*scene[:2]).axes)


def test_bad_mosaics_are_named(scene):
    noisy, pred, gt = scene
    for images, words in (
        ([noisy, pred[:128], gt], r"one shape.* \(1, 128, 256\) and \(1, 256, 256\)"),
        ([noisy, pred[:128]], r"found \(128, 256, 3\), uint8, expected \(256, 256, 3\)"),
        ([noisy, np.where(pred > 9000, np.nan, pred)], "image 1.*NaN"),
        ([noisy], "1 pictures, .*expected 2 or 3"),
    ):
        with pytest.raises(ValueError, match=words):
            compare(images)


def test_bad_pictures_are_named():
    picture = np.zeros((32, 32, 3), np.uint8)
    for pictures, words in (
        ([picture[..., 0]] * 2, r"\(32, 32\).*expected \(32, 32, 3\)"),
        ([picture / 2] * 2, "float64, expected .*uint8"),
        ([picture] * 3, "3 pictures, 2 labels"),
    ):
        with pytest.raises(ValueError, match=words):
            CompareSlider(pictures, ["a", "b"])


def test_the_lens_starts_where_the_first_two_pictures_differ_most(scene):
    changed = np.array(scene[2])
    changed[40:80, 160:200] //= 2
    slider = compare([scene[2], changed, scene[2]], max_bytes=None)
    x, y = map(int, re.search(r'data-lens="(\d+) (\d+)"', slider._repr_html_()).groups())
    assert 160 <= x < 200 and 40 <= y < 80
