"""Rendering of raw: what is measured stays, and all images get the same treatment."""

import re

import numpy as np
import pytest

from rawkit import pack_bayer
from rawkit.view import Rendering, demosaic, estimate_rendering, render
from rawkit.view.rendering import busiest_part


def mosaic_of(color):
    red, green, blue = color
    return np.tile([[red, green], [green, blue]], (32, 32))


def test_demosaic_keeps_measured_pixels_and_gradients():
    y, x = np.mgrid[:16, :20].astype(float)
    scene = np.stack([3 * x + y, 2 * x + 5 * y, 100 - x - y])
    mosaic = np.where(y % 2 == 0, np.where(x % 2 == 0, scene[0], scene[1]),
                      np.where(x % 2 == 0, scene[1], scene[2]))  # fmt: skip
    rgb = demosaic(mosaic).transpose(2, 0, 1)
    # a bilinear method is exact on planes; the mirrored border bends them
    np.testing.assert_allclose(rgb[:, 1:-1, 1:-1], scene[:, 1:-1, 1:-1])
    np.testing.assert_array_equal(pack_bayer(rgb[0])[0], pack_bayer(mosaic)[0])
    np.testing.assert_array_equal(pack_bayer(rgb[2])[3], pack_bayer(mosaic)[3])


def test_light_goes_through_black_level_exposure_and_the_srgb_curve():
    black_level = 4096
    half = (65535 - black_level) * 0.2140  # the linear light of sRGB 0.5
    levels = black_level + half * np.array([-1, 0, 0.5, 9])
    rendering = Rendering(black_level, (1.0, 1.0, 1.0), 2.0)
    shown = [render(np.full((2, 2), level), rendering)[0, 0].tolist() for level in levels]
    assert shown == [[0] * 3, [0] * 3, [127] * 3, [255] * 3]


def test_white_balance_turns_the_typical_block_gray_but_no_colored_wall():
    mosaic = mosaic_of((3000, 6000, 4000))
    estimated = estimate_rendering(mosaic)
    assert estimated.white_balance == (2.0, 1.0, 1.5)
    pixel = render(mosaic, estimated)[32, 32].astype(int)
    assert np.ptp(pixel) <= 1
    red, green, blue = render(mosaic_of((30000, 3000, 2000)))[32, 32]
    assert red > 150 > 80 > max(green, blue)


@pytest.mark.parametrize(
    "step, greens, dark, expected",
    [(64, 0, 4096, 4096), (64, 0, 1024, 0), (16, 0, 4112, 0), (64, 0, 30016, 4096),
     (64, 4, 4480, 4096)],
)  # fmt: skip
def test_black_level_follows_codes_and_darkness(step, greens, dark, expected):
    """The codes of some cameras' greens are others: they do not hide the 10 bits."""
    rng = np.random.RandomState(0)
    noisy = dark + step * rng.randint(0, 50, (64, 64))
    noisy[0::2, 1::2] += greens
    noisy[0, 0] = dark + step  # the codes are not multiples of more than the step
    assert estimate_rendering(noisy.astype(np.uint16)).black_level == expected


def test_estimate_barely_feels_noise():
    rng = np.random.RandomState(1)
    clean = np.repeat(np.repeat(rng.uniform(500, 20000, (16, 16)), 16, 0), 16, 1)
    noisy = np.maximum(clean + rng.standard_normal(clean.shape) * np.sqrt(50 * clean), 0).round()
    a, b = estimate_rendering(clean), estimate_rendering(noisy.astype(np.uint16))
    np.testing.assert_allclose(a.white_balance, b.white_balance, rtol=0.03)
    assert a.exposure == pytest.approx(b.exposure, rel=0.03)
    assert a.black_level == b.black_level == 0


def test_bad_input_is_named():
    assert render(np.zeros((64, 64), np.uint16)).max() == 0, "black is no bad input"
    for shape, value, words in (
        ((2, 4, 4), 0, "expected one mosaic"),
        ((3, 4), 0, "even"),
        ((4, 4), np.nan, "NaN"),
        ((4, 4), 0.5, "0-1.*DN"),
    ):
        with pytest.raises(ValueError, match=f"{re.escape(str(shape))}.*{words}"):
            render(np.full(shape, value))


def test_the_busiest_part_is_texture_and_not_one_hard_edge():
    random = np.random.RandomState(1)
    picture = np.full((96, 96, 3), 90, np.uint8)
    picture[8:40, 8:40] += random.randint(0, 30, (32, 32, 1)).astype(np.uint8)  # texture
    picture[56:88, 56:88] = 255  # a blown-out square
    top, left, size = busiest_part(picture, 32, 8)
    assert (top, left, size) == (8, 8, 32)
