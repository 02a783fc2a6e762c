import numpy as np
import pytest
from slider_pictures import pictures_of

from rawkit.view import StrengthSlider, keep_upload, strength


def tone(light):
    return np.uint8(np.rint(255 * np.clip(light, 0, 1)))


@pytest.fixture
def pictures(rng):
    before = rng.random((1400, 2000, 3)).astype(np.float32)
    return before, np.full_like(before, 0.5)


def test_the_mix_is_even_and_the_first_picture_stays(pictures):
    shown = StrengthSlider(*pictures, tone)
    whole = pictures_of(shown.slider)
    shown.size.value = strength.PIXELS
    shown.across.value, shown.down.value = 0.0, 1.0
    for value, expected in ((0.0, pictures[0]), (1.0, pictures[1])):
        shown.strength.value = value
        left, right = pictures_of(shown.slider)
        window = slice(1400 - strength.HEIGHT, None), slice(0, strength.WIDTH)
        np.testing.assert_array_equal(left, tone(pictures[0][window]))
        np.testing.assert_array_equal(right, tone(expected[window]))
    shown.strength.value = 0.5
    half = tone((pictures[0][window] + 0.5) / 2)
    assert np.abs(pictures_of(shown.slider)[1].astype(int) - half).max() <= 1
    assert shown.slider.labels[1] == "denoised, 50 %"
    assert whole[0].shape == (466, 666, 3)  # every third pixel's mean


def test_it_is_a_line_of_text_where_nothing_runs(pictures):
    text = "StrengthSlider of 2000 x 1400 pixels: run the notebook to use it"
    assert repr(StrengthSlider(*pictures, tone)) == text


class Upload:
    def __init__(self, value):
        self.value = value


@pytest.mark.parametrize(
    "value",
    [
        ({"name": "../a.NEF", "content": memoryview(b"raw")},),  # ipywidgets 8
        {"../a.NEF": {"content": b"raw"}},  # ipywidgets 7
    ],
)
def test_an_upload_is_kept_in_the_folder_and_nowhere_else(tmp_path, value):
    path = keep_upload(Upload(value), tmp_path / "photo")
    assert path == tmp_path / "photo" / "a.NEF" and path.read_bytes() == b"raw"
    assert keep_upload(Upload(()), tmp_path) is None
