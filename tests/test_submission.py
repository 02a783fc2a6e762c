"""The way to result.bin, and what is accepted as an answer."""

import numpy as np
import pytest

from rawkit import open_patches, places, write_patches
from rawkit.cli.submission import check_submission, write_submission
from rawkit.nn import to_uint16

NOISY = places.ROOT / "data" / places.TEST_INPUT


@pytest.fixture(scope="module")
def answer(tmp_path_factory, shipped):
    return write_submission(shipped, NOISY, tmp_path_factory.mktemp("answer") / "result.bin")


def test_our_answer_is_valid_and_raises_no_eyebrow(answer):
    assert len(open_patches(answer)) == 16
    assert check_submission(answer, NOISY) == []


INDEX = np.arange(16)[:, None, None]
SWAPPED = [0, 1, 2, 9, 4, 5, 6, 7, 8, 3, 10, 11, 12, 13, 14, 15]
SPOILED = {
    "a patch too few": (lambda pred, noisy: pred[:-1], "15 patches, expected 16"),
    "shifted": (lambda pred, noisy: np.roll(pred, 1, 0), "16 of 16 .* fit other inputs better"),
    "two swapped": (lambda pred, noisy: pred[SWAPPED], "2 of 16 patches .first 3. fit"),
    "in 0-1": (lambda pred, noisy: pred // 65535, "hundredth of the light"),
    "constant": (lambda pred, noisy: np.where(INDEX == 4, 777, pred), "first 4. are constant"),
    "copied": (lambda pred, noisy: np.where(INDEX == 5, noisy, pred), "first 5. are copies"),
}


@pytest.mark.parametrize("kind", SPOILED)
def test_what_cannot_be_an_answer_is_named(answer, tmp_path, kind):
    spoil, words = SPOILED[kind]
    pred, noisy = np.array(open_patches(answer)), np.array(open_patches(NOISY))
    path = write_patches(tmp_path / "bad.bin", spoil(pred, noisy).astype(np.uint16))
    with pytest.raises(ValueError, match="bad.bin: found .*" + words):
        check_submission(path, NOISY)


def test_an_answer_far_from_its_input_is_warned_about(answer, tmp_path):
    gt = np.array(open_patches(answer)).astype(float)
    wild = to_uint16(gt + 4000 * np.random.default_rng(0).standard_normal(gt.shape))
    (warning,) = check_submission(write_patches(tmp_path / "wild.bin", wild), NOISY)
    assert "more than the noise explains" in warning
