"""A whole frame through the network: no seam, no cast, less noise, nothing lost."""

import megengine
import megengine.module as M
import numpy as np
import pytest
from photo_files import color_mosaic, make_photo

from rawkit.bayer import pack_bayer
from rawkit.nn import Baseline
from rawkit.noise import NoiseLine
from rawkit.photo import active_view, denoise_photo, develop, measure_photo, noise_in_codes, tiles
from rawkit.photo.clipping import find_clip, find_white, flatten
from rawkit.photo.frame import PHASES, levels, to_rggb
from rawkit.photo.measuring import FrameNoise, estimate_frame
from rawkit.synth import Sensor, expose, plane_noise
from rawkit.synth.procedural import procedural_scene


class Identity(M.Module):
    def forward(self, bayer):
        return bayer * 1


class Nan(M.Module):
    def forward(self, bayer):
        return bayer * float("nan")


SENSOR = Sensor(14, 2048.0, 16383 * 4.0, 30.0, 90.0, 0.0, np.ones(4), 0)


@pytest.fixture(scope="module")
def shot():
    """A textured frame of 512 x 512: noisy and clean, DN."""
    mosaic = color_mosaic(lambda rng: procedural_scene(rng, 512))
    return expose(mosaic, SENSOR, np.random.default_rng(1))


def frame_of_phase(bayer, phase):
    """Cut an RGGB mosaic so that it begins with another color; codes of 14 bits."""
    top, left = divmod(phase.index("R"), 2)
    cut = bayer[top:, left:] if (top, left) != (0, 0) else bayer
    cut = cut[: len(cut) // 2 * 2 - top, : cut.shape[1] // 2 * 2 - left]
    return make_photo((cut // 4).astype(np.uint16), phase)


@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_an_identity_changes_no_pixel(rng, strength):
    mosaic = rng.integers(0, 16384, (203, 301)).astype(np.uint16)
    photo = make_photo(mosaic, "BGGR", (3, 5, 200, 298), [[500, 510], [520, 530]], 16000)
    found = denoise_photo(photo, Identity(), strength)
    np.testing.assert_array_equal(found.mosaic, mosaic)


def test_strength_0_changes_nothing_and_others_mix_evenly(shipped, shot):
    photo = frame_of_phase(shot[0], "RGGB")
    same = denoise_photo(photo, shipped, 0.0)
    np.testing.assert_array_equal(same.mosaic, photo.mosaic)
    half, full = (denoise_photo(photo, shipped, s).mosaic.astype(float) for s in (0.5, 1.0))
    np.testing.assert_allclose(half, (full + photo.mosaic) / 2, atol=1.01)
    for wrong in (-0.1, 2.1, float("nan")):
        with pytest.raises(ValueError, match="strength"):
            denoise_photo(photo, shipped, wrong)


@pytest.mark.parametrize("factor", [None, np.array([[1.0, 2.0], [3.0, 4.0]])])
@pytest.mark.parametrize("network", ["shipped", pytest.param("baseline", marks=pytest.mark.slow)])
def test_tiles_agree_with_the_whole(monkeypatch, shipped, shot, network, factor):
    megengine.random.seed(1)
    model = Baseline() if network == "baseline" else shipped
    rggb = shot[0][:502, :470].astype(np.float32)
    rggb[:, :200] *= 0.2  # tiles of very different brightness
    line = NoiseLine(*(np.full(4, float(x)) for x in estimate_frame(rggb)))
    noise = FrameNoise(line, factor, 1.0)
    whole = tiles.denoise_mosaic(model, rggb, noise)
    for size in (128, 208):
        monkeypatch.setattr(tiles, "TILE", size)
        tiled = tiles.denoise_mosaic(model, rggb, noise)
        # with a map of factors, which a tile's border does not know, 9 DN were seen at one pixel
        assert np.abs(tiled - whole).max() <= (4 if factor is None else 20)  # 4: a code of 14 bits
        assert np.abs(tiled - whole).mean() < 0.5
    assert np.abs(whole - rggb).mean() > 50


@pytest.mark.parametrize("phase", PHASES)
def test_noise_goes_and_means_stay(shipped, shot, phase):
    photo, truth = (frame_of_phase(bayer, phase) for bayer in shot)
    found = denoise_photo(photo, shipped)
    for y, x in ((0, 0), (0, 1), (1, 0), (1, 1)):
        before, after, gt = (
            active_view(p)[y::2, x::2].astype(float) for p in (photo, found, truth)
        )
        assert np.std(after - gt) < 0.5 * np.std(before - gt)
        assert abs(after.mean() - before.mean()) < 0.002 * (gt.mean() - 512)


def test_the_dark_keeps_its_mean(shipped):
    """Half of the pixels of a frame without light lie below black.

    Cutting them off would brighten it by 0.4 deviations, nearly five codes.
    """
    rng = np.random.default_rng(5)
    codes = np.rint(rng.normal(512, 12, (512, 512))).astype(np.uint16)
    codes[:64, :64] += 4000  # or nothing could be told of its noise
    photo = make_photo(codes)
    found = denoise_photo(photo, shipped)
    dark = found.mosaic[128:].astype(float)
    assert abs(dark.mean() - codes[128:].mean()) < 1.0 and dark.std() < 4


def test_hot_pixels_stay_unless_told_to_go(shipped, shot):
    noisy = shot[0].copy()
    where = [(100, 100), (201, 300), (302, 51), (403, 403)]
    for y, x in where:
        noisy[y, x] = 65535 if y == 403 else 40000  # one is clipped
    photo = frame_of_phase(noisy, "RGGB")
    kept = denoise_photo(photo, shipped)
    gone = denoise_photo(photo, shipped, remove_hot_pixels=True)
    for y, x in where:
        assert kept.mosaic[y, x] > 7000
        assert gone.mosaic[y, x] < 4500


def test_what_cannot_be_denoised_is_named(shipped, rng):
    small = rng.integers(500, 700, (50, 71)).astype(np.uint16)
    assert denoise_photo(make_photo(small), shipped).mosaic.shape == (50, 71)
    for codes, network, words in (
        (small, Nan(), "NaN or infinity"),
        (np.full((400, 600), 512, np.uint16), shipped, "no noise estimate was possible"),
        (small[:40, :60], shipped, "found a mosaic of shape .40, 60."),
    ):
        with pytest.raises(ValueError, match=words):
            denoise_photo(make_photo(codes), network)


def test_the_noise_line_of_a_frame_is_the_sensors(shot):
    photo = frame_of_phase(shot[0], "GRBG")
    _, noise = measure_photo(photo)
    (a, b), span = noise_in_codes(photo, noise.line)
    slope, dark = (values[0] for values in plane_noise(SENSOR))
    light = np.quantile(shot[1], [0.1, 0.5, 0.9]) / 4 - 512  # codes above black, of 4 DN
    found, true = a * span * light + b * span**2, (slope * 4 * light + dark) / 16
    np.testing.assert_allclose(np.sqrt(found), np.sqrt(true), rtol=0.03)
    assert span == 16383 - 512 and noise.factor is None
    assert np.ptp(noise.line.shot_noise) == 0 and noise.flat == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("phase", PHASES)
def test_developed_colors_agree_before_and_after(shipped, shot, phase):
    photo = frame_of_phase(shot[0], phase)
    before = develop(photo).mean((0, 1))
    after = develop(denoise_photo(photo, shipped)).mean((0, 1))
    truth = frame_of_phase(shot[1], phase)
    np.testing.assert_allclose(after / after.sum(), before / before.sum(), atol=0.003)
    np.testing.assert_allclose(after, develop(truth).mean((0, 1)), rtol=0.02)


@pytest.mark.parametrize("phase", PHASES)
def test_each_plane_clips_at_its_own_level(phase):
    codes = np.arange(64 * 64).reshape(64, 64) % 900 + 600
    tops = np.array([[12000, 16000], [15000, 0]])  # one place does not clip
    for y, x in np.argwhere(tops):
        codes[y::2, x::2][8:16] = tops[y, x]
    flat = make_photo(codes.astype(np.uint16), phase, white=16000)
    clip = find_clip(flat)
    assert clip.found.tolist() == [[True, True], [True, False]]
    white = find_white(flat, clip)
    top = pack_bayer(to_rggb(flatten(flat, clip))).max((1, 2), keepdims=True)
    clips, code = np.isfinite(white), levels(flat)[0].min()  # DN
    assert np.all(white[clips] <= top[clips]) and np.all(white[clips] > top[clips] - code)
