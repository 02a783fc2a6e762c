"""A whole frame through the network: no seam, no cast, less noise, nothing lost."""

import megengine
import megengine.module as M
import numpy as np
import pytest
from photo_files import make_photo
from synthetic_photo import make_synthetic

from rawkit.bayer import pack_bayer
from rawkit.nn import SHIPPED, Baseline, load_model
from rawkit.noise import NoiseLine, line_variance
from rawkit.photo import (
    active_view,
    denoise_photo,
    measure_photo,
    noise_in_codes,
    tiles,
)
from rawkit.photo.clipping import find_clip, find_white, flatten
from rawkit.photo.frame import PHASES, levels, to_rggb
from rawkit.photo.measuring import FrameNoise, estimate_frame
from rawkit.synth import Sensor, expose, plane_noise, scene_rng
from rawkit.synth.optics import blur, camera_colors, to_mosaic
from rawkit.synth.procedural import procedural_scene


class Identity(M.Module):
    def forward(self, bayer):
        return bayer * 1


class Nan(M.Module):
    def forward(self, bayer):
        return bayer * float("nan")


@pytest.fixture(scope="module")
def model():
    return load_model(SHIPPED)[0]


@pytest.fixture(scope="module")
def synthetic():
    return make_synthetic()[0]


@pytest.fixture(scope="module")
def shot():
    """A textured frame of 512 x 512 through a known sensor: noisy, clean, sensor; DN."""
    rng = scene_rng("test", 31, 4)
    light = camera_colors(rng, blur(procedural_scene(rng, 512), 0.8))
    mosaic = to_mosaic(light, 1.7, 1.4)
    mosaic *= np.float32(0.1 / mosaic.mean())
    sensor = Sensor(14, 2048.0, 16383 * 4.0, 30.0, 90.0, 0.0, np.ones(4), 0)
    return expose(mosaic, sensor, rng) + (sensor,)


def frame_of_phase(bayer, phase):
    """Cut an RGGB mosaic so that it begins with another color; codes of 14 bits."""
    top, left = divmod(phase.index("R"), 2)
    cut = bayer[top:, left:] if (top, left) != (0, 0) else bayer
    cut = cut[: len(cut) // 2 * 2 - top, : cut.shape[1] // 2 * 2 - left]
    return make_photo((cut // 4).astype(np.uint16), phase), (top, left)


@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_an_identity_changes_no_pixel(rng, strength):
    mosaic = rng.integers(0, 16384, (203, 301)).astype(np.uint16)
    photo = make_photo(mosaic, "BGGR", (3, 5, 200, 298), [[500, 510], [520, 530]], 16000)
    found = denoise_photo(photo, Identity(), strength)
    np.testing.assert_array_equal(found.mosaic, mosaic)


def test_strength_0_changes_nothing_and_others_mix_evenly(model, shot):
    photo, _ = frame_of_phase(shot[0], "RGGB")
    same = denoise_photo(photo, model, 0.0)
    np.testing.assert_array_equal(same.mosaic, photo.mosaic)
    half, full = (denoise_photo(photo, model, s).mosaic.astype(float) for s in (0.5, 1.0))
    np.testing.assert_allclose(half, (full + photo.mosaic) / 2, atol=1.01)
    for wrong in (-0.1, 2.1, float("nan")):
        with pytest.raises(ValueError, match="strength"):
            denoise_photo(photo, model, wrong)


def four(line):
    """A line for each plane."""
    return NoiseLine(*(np.full(4, float(x)) for x in line))


@pytest.mark.parametrize("factor", [None, np.array([[1.0, 2.0], [3.0, 4.0]])])
@pytest.mark.parametrize("network", ["shipped", "baseline"])
def test_tiles_agree_with_the_whole(monkeypatch, model, shot, network, factor):
    megengine.random.seed(1)
    if network == "baseline":
        model = Baseline()
    model.eval()
    rggb = shot[0][:502, :470].astype(np.float32)
    rggb[:, :200] *= 0.2  # tiles of very different brightness
    noise = FrameNoise(four(estimate_frame(rggb)), factor, 1.0)
    whole = tiles.denoise_mosaic(model, rggb, noise)
    for size in (128, 208):
        monkeypatch.setattr(tiles, "TILE", size)
        assert len(tiles._cut(502, 48)) > 2
        tiled = tiles.denoise_mosaic(model, rggb, noise)
        # with a map of factors, which a tile's border does not know, 9 DN were seen at one pixel
        assert np.abs(tiled - whole).max() <= (4 if factor is None else 20)  # 4: a code of 14 bits
        assert np.abs(tiled - whole).mean() < 0.5
    assert np.abs(whole - rggb).mean() > 50


def test_a_network_sees_as_far_as_its_layers_say(shot):
    line = four(estimate_frame(shot[0].astype(np.float32)))
    megengine.random.seed(1)
    # six convolutions of 3 x 3 on planes: 6 cells, and one more pixel within a cell
    assert tiles.reach(Baseline(), line) in (12, 13)
    assert tiles.reach(Identity(), line) == 1


@pytest.mark.parametrize("phase", PHASES)
def test_noise_goes_and_means_stay(model, shot, phase):
    noisy, clean, sensor = shot
    photo, (top, left) = frame_of_phase(noisy, phase)
    truth, _ = frame_of_phase(clean, phase)
    found = denoise_photo(photo, model)
    for y, x in ((0, 0), (0, 1), (1, 0), (1, 1)):
        before, after, gt = (
            active_view(p)[y::2, x::2].astype(float) for p in (photo, found, truth)
        )
        assert np.std(after - gt) < 0.5 * np.std(before - gt)
        assert abs(after.mean() - before.mean()) < 0.002 * (gt.mean() - 512)


def test_the_dark_keeps_its_mean(model):
    """Half of the pixels of a frame without light lie below black.

    Cutting them off would brighten it by 0.4 deviations, nearly five codes.
    """
    rng = np.random.default_rng(5)
    codes = np.rint(rng.normal(512, 12, (512, 512))).astype(np.uint16)
    codes[:64, :64] += 4000  # or nothing could be told of its noise
    photo = make_photo(codes)
    found = denoise_photo(photo, model)
    dark = found.mosaic[128:].astype(float)
    assert abs(dark.mean() - codes[128:].mean()) < 1.0 and dark.std() < 4


def test_what_is_blown_out_stays_so(model, synthetic):
    photo = synthetic
    found = denoise_photo(photo, model)
    full = active_view(photo) == 16383
    assert full.sum() > 5000
    change = 16383 - active_view(found)[full].astype(float)  # of which noise carried some there
    assert np.median(change) == 0 and change.mean() < 0.002 * 16383
    border = photo.mosaic.copy()
    border[7:, 7:] = found.mosaic[7:, 7:]
    np.testing.assert_array_equal(border, found.mosaic)


def test_hot_pixels_stay_unless_told_to_go(model, shot):
    noisy = shot[0].copy()
    where = [(100, 100), (201, 300), (302, 51), (403, 403)]
    for y, x in where:
        noisy[y, x] = 65535 if y == 403 else 40000  # one is clipped
    photo, _ = frame_of_phase(noisy, "RGGB")
    kept = denoise_photo(photo, model)
    gone = denoise_photo(photo, model, remove_hot_pixels=True)
    for y, x in where:
        assert kept.mosaic[y, x] > 7000
        assert gone.mosaic[y, x] < 4500


def test_a_network_that_answers_nan_is_refused(shot):
    photo, _ = frame_of_phase(shot[0], "RGGB")
    with pytest.raises(ValueError, match="NaN or infinity"):
        denoise_photo(photo, Nan())


def test_a_frame_of_one_value_is_named(model):
    with pytest.raises(ValueError, match="no noise estimate was possible"):
        denoise_photo(make_photo(np.full((400, 600), 512, np.uint16)), model)


def test_frames_too_small_are_named(model):
    with pytest.raises(ValueError, match="found a frame of 40 x 60"):
        denoise_photo(make_photo(np.zeros((40, 60), np.uint16)), model)
    small = make_photo(np.random.default_rng(0).integers(500, 700, (50, 71)).astype(np.uint16))
    assert denoise_photo(small, model).mosaic.shape == (50, 71)


def test_the_noise_line_of_a_frame_is_the_sensors(shot):
    noisy, clean, sensor = shot
    line = estimate_frame(noisy.astype(np.float32))
    slopes, dark = (x.mean() for x in plane_noise(sensor))
    levels = np.quantile(clean, [0.1, 0.5, 0.9])
    found = line_variance(line, levels[None])[0]
    true = slopes * (levels - sensor.black_level) + dark
    np.testing.assert_allclose(np.sqrt(found), np.sqrt(true), rtol=0.03)


def test_the_noise_profile_of_the_synthetic_frame_is_found(synthetic):
    _, noise = measure_photo(synthetic)
    (a, b), span = noise_in_codes(synthetic, noise.line)
    np.testing.assert_allclose([a, b], synthetic.noise_profile[0], rtol=0.06)
    assert span == 16383 - 512 and noise.factor is None
    assert np.ptp(noise.line.shot_noise) == 0 and noise.flat == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("phase", PHASES)
def test_developed_colors_agree_before_and_after(model, shot, phase):
    from rawkit.photo import develop

    photo, _ = frame_of_phase(shot[0], phase)
    before = develop(photo).mean((0, 1))
    after = develop(denoise_photo(photo, model)).mean((0, 1))
    truth, _ = frame_of_phase(shot[1], phase)
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
    rggb, white = to_rggb(flatten(flat, clip)), find_white(flat, clip)
    planes = pack_bayer(rggb)
    top = planes.max((1, 2), keepdims=True)
    dn = levels(flat)[0].min()  # of a code
    clips = np.isfinite(white)
    assert clips.sum() == 3
    assert np.all(white[clips] <= top[clips]) and np.all(white[clips] > top[clips] - dn)
