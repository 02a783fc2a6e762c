"""The noise model, its transforms and the estimators, against simulated photon counts."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from rawkit import noise, open_patches, sensor, sources, synth
from rawkit.estimate import estimate_blind, estimate_pairs, line_variance

SENSORS = {
    "12-bit": sensor.Sensor(12, 0.0, 65520.0, 30.0, 900.0, 0.0, np.ones(4), 0.0),
    "10-bit": sensor.Sensor(
        10, 4096.0, 65472.0, 60.0, 250.0**2, 0.0, np.array([1, 0.985, 0.99, 1]), 0.0
    ),
    "few electrons": sensor.Sensor(14, 0.0, 65532.0, 800.0, 400.0**2, 0.0, np.ones(4), 0.0),
    "coarse codes": sensor.Sensor(10, 0.0, 65472.0, 2.0, 100.0, 0.0, np.ones(4), 0.0),
    "rows": sensor.Sensor(12, 300.0, 65520.0, 100.0, 300.0**2, 90.0, np.ones(4), 0.0),
}


def count_photons(scene, s, rng):
    """An independent camera: counts photons, adds read and row noise, converts."""
    step = {10: 64, 12: 16, 14: 4}[s.bits]
    electrons = rng.poisson(np.float64(scene) * (s.white_level - s.black_level) / s.shot_noise)
    volts = s.black_level + s.shot_noise * electrons
    volts = volts + rng.normal(0, s.read_noise_var**0.5, scene.shape)
    volts = volts + rng.normal(0, s.row_noise, (scene.shape[0], 1))
    frame = np.clip(np.floor(volts / step + 0.5) * step, 0, s.white_level)
    for plane, gain in enumerate(s.gain):
        view = frame[plane // 2 :: 2, plane % 2 :: 2]
        if gain != 1:
            view[:] = np.rint((s.black_level + gain * (view - s.black_level)) / 4) * 4
    return frame


def ladder(rows=2048, width=8):
    """Stripes of constant light: none, deep shadow, ..., up to beyond saturation."""
    levels = np.concatenate([[0], np.geomspace(3e-5, 1.3, 39)]).astype(np.float32)
    return np.tile(np.repeat(levels, width), (rows, 1)), len(levels)


@pytest.mark.parametrize("name", SENSORS)
@pytest.mark.parametrize("camera", [count_photons, sensor.shoot])
def test_residual_has_mean_zero_everywhere(name, camera):
    scene, levels = ladder()
    s = SENSORS[name]
    residual = camera(scene, s, np.random.default_rng(1)) - np.float64(
        sensor.expected_frame(scene, s)
    )
    stripes = residual.reshape(len(scene), levels, -1).mean(2)  # rows are independent
    error = stripes.std(0) / len(scene) ** 0.5
    assert np.all(np.abs(stripes.mean(0)) < 4.5 * error + 0.02)
    # and the test could have seen the unclipped mean, or a truncating converter
    wrong = residual + (sensor.code_step(s) / 2 if name != "few electrons" else 60)
    assert np.any(np.abs(wrong.reshape(len(scene), levels, -1).mean((0, 2))) > 4.5 * error + 0.02)


@pytest.mark.parametrize("name", SENSORS)
def test_generated_noise_equals_counted_photons(name):
    scene, levels = ladder()
    s = SENSORS[name]
    ours = sensor.shoot(scene, s, np.random.default_rng(2)).astype(np.float64)
    counted = count_photons(scene, s, np.random.default_rng(3))
    for part in np.split(np.arange(scene.shape[1]), levels):
        a, b = np.sort(ours[:, part].ravel()), np.sort(counted[:, part].ravel())
        if b.std() > 2:  # a saturated stripe hardly varies
            squares = [np.square(x - x.mean()) for x in (a, b)]
            error = np.hypot(squares[0].std(), squares[1].std()) / len(a) ** 0.5
            assert abs(squares[0].mean() - squares[1].mean()) < 4 * error
            grid = np.unique(np.concatenate([a, b]))  # two-sample Kolmogorov-Smirnov
            distance = np.searchsorted(a, grid, "right") - np.searchsorted(b, grid, "right")
            assert np.abs(distance).max() / len(a) < 2.3 * (2 / len(a)) ** 0.5


def test_chi_square_over_many_sensors():
    rng = np.random.default_rng(4)
    ratios = []
    while len(ratios) < 80:
        s = sensor.random_sensor(rng)._replace(row_noise=0.0, hot_pixels=0.0)
        if s.read_noise_var**0.5 < 0.5 * sensor.code_step(s):
            continue  # dark pixels of coarse codes do not dither: no formula for their variance
        low = 6 * s.read_noise_var**0.5 / (s.white_level - s.black_level)
        scene = rng.uniform(min(low, 0.4), 0.5, (128, 128)).astype(np.float32)
        noisy, gt = sensor.expose(scene, s, rng)
        slopes, dark = sensor.plane_noise(s)
        planes = (0, 0), (0, 1), (1, 0), (1, 1)
        for (y, x), slope, read in zip(planes, slopes, dark):
            truth = gt[y::2, x::2].astype(np.float64)
            variance = noise.noise_variance(truth, slope, s.black_level, read)
            ratios.append((np.square(noisy[y::2, x::2] - truth) / variance).mean())
    assert abs(np.mean(ratios) - 1) < 0.01
    assert np.std(ratios) < 3 * (2 / 64**2) ** 0.5


def test_hot_pixels_stand_in_both_files_and_parameters_are_checked():
    s = SENSORS["12-bit"]._replace(hot_pixels=0.01)
    noisy, gt = sensor.expose(np.full((64, 64), 0.001, np.float32), s, np.random.default_rng(0))
    hot = gt > 10 * np.median(gt)
    assert hot.sum() > 10
    assert np.corrcoef(noisy[hot], gt[hot])[0, 1] > 0.99
    for field, value in [
        ("bits", 9),
        ("shot_noise", 0.0),
        ("white_level", 70000),
        ("row_noise", -1),
    ]:
        with pytest.raises(ValueError, match=field):
            sensor.expose(np.zeros((4, 4)), s._replace(**{field: value}), np.random.default_rng(0))
    with pytest.raises(ValueError, match="2 scenes and 1 sensors"):
        sensor.expose(np.zeros((2, 4, 4)), [s], np.random.default_rng(0))


def test_batch_of_crops_equals_crops_one_by_one():
    scenes = np.random.default_rng(0).random((3, 32, 32), np.float32)
    some = [SENSORS[name] for name in ("12-bit", "10-bit", "rows")]
    noisy, gt = sensor.expose(scenes, some, np.random.default_rng(7))
    rng = np.random.default_rng(7)
    for i, (scene, s) in enumerate(zip(scenes, some)):
        one = sensor.expose(scene, s, rng)
        assert (one[0] == noisy[i]).all() and (one[1] == gt[i]).all()


@pytest.mark.parametrize("read", [0.0, 0.3, 1.0, 4.0, 12.0])
def test_inverse_of_anscombe_is_unbiased_above_two_electrons(read):
    nodes, weights = np.polynomial.hermite_e.hermegauss(100)
    n = np.arange(500)
    log_factorial = np.concatenate([[0], np.cumsum(np.log(n[1:]))])
    parameters = {"shot_noise": 20.0, "black_level": 512.0, "read_noise_var": (20 * read) ** 2}
    for light in (2.0, 3.0, 5.0, 17.0, 60.0, 200.0):
        p = np.exp(n * np.log(light) - light - log_factorial)[:, None] * weights / weights.sum()
        stable = noise.gat(512 + 20 * (n[:, None] + read * nodes), **parameters)
        mean = (p * stable).sum()
        assert abs((p * stable**2).sum() - mean**2 - 1) < (0.02 if light > 10 else 0.25)
        back = noise.inverse_gat(mean, **parameters)
        assert abs((back - 512) / (20 * light) - 1) < 0.005


def test_ksigma_makes_variance_equal_the_mean_and_comes_back():
    rng = np.random.default_rng(0)
    dn = 512 + 20 * rng.poisson(30, 200_000) + rng.normal(0, 60, 200_000)
    x = noise.ksigma(dn, 20.0, 512.0, 3600.0)
    assert abs(x.var() / x.mean() - 1) < 0.01
    np.testing.assert_allclose(noise.inverse_ksigma(x, 20.0, 512.0, 3600.0), dn, rtol=1e-12)


def test_model_rejects_parameters_out_of_range():
    for function in (noise.noise_variance, noise.gat, noise.inverse_gat, noise.ksigma):
        with pytest.raises(ValueError, match="shot_noise"):
            function(1.0, 0.0)
        with pytest.raises(ValueError, match="read_noise_var"):
            function(1.0, 1.0, 0.0, -1.0)
    with pytest.raises(ValueError, match="shape"):
        noise.photon_transfer_curve(np.zeros((4, 4)), np.zeros((4, 2)))
    with pytest.raises(ValueError, match="shape"):
        estimate_pairs(np.zeros((1, 48, 48)), np.zeros((2, 48, 48)))
    with pytest.raises(ValueError, match="48 x 48"):
        estimate_blind(np.zeros((32, 48)))


def test_photon_transfer_curve_lies_on_the_line():
    s = SENSORS["10-bit"]
    scene = np.random.default_rng(1).uniform(0.0, 0.6, (4, 256, 256)).astype(np.float32)
    noisy, gt = sensor.expose(scene, [s] * 4, np.random.default_rng(2))
    curve = noise.photon_transfer_curve(noisy, gt, bins=12)
    for plane, (slope, read) in enumerate(zip(*sensor.plane_noise(s))):
        expected = noise.noise_variance(curve.mean[plane], slope, s.black_level, read)
        assert curve.count[plane].sum() == 4 * 128**2
        np.testing.assert_allclose(curve.variance[plane], expected, rtol=0.08)


@pytest.fixture(scope="module")
def world():
    """100 patches of test sources with random sensors, and what is true of them."""
    photos = synth.scenes.load_photos(sources.photo_files("test"))
    pairs, truth = [], []
    for i in range(100):
        rng = sources.scene_rng("test", 99, i)
        scene = synth.clean_patch(rng, photos, synth.MIXED)[0]
        s = sensor.random_sensor(rng)
        pairs.append(sensor.expose(scene, s, rng))
        truth.append(sensor.plane_noise(s) + (s.black_level,))
    slopes, dark, black = (np.array(x) for x in zip(*truth))
    return np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs]), slopes, dark, black


def test_pair_estimates(world):
    noisy, gt, slopes, _, black = world
    line = estimate_pairs(noisy, gt)
    error = np.abs(line.shot_noise / slopes - 1)
    assert np.median(error) < 0.03
    known = np.isfinite(line.black_level[:, 0])
    assert np.all(np.abs(line.black_level[known, 0] - black[known]) < 32)
    # the stated uncertainty is neither far too small nor far too large
    pull = (line.shot_noise - slopes) / np.sqrt(line.covariance[..., 0, 0])
    assert 0.7 < np.median(np.abs(pull)) / 0.6745 < 1.6


def test_blind_estimates(world):
    noisy, gt, slopes, dark, black = world
    line = estimate_blind(noisy)
    used = slopes.mean(1) >= 1e-4 * 65535
    error = np.abs(line.shot_noise / slopes.mean(1) - 1)[used]
    assert used.sum() > 60 and np.median(error) < 0.2
    levels = np.quantile(gt.reshape(len(gt), -1), [0.1, 0.5, 0.9], axis=1).T
    true = slopes.mean(1)[:, None] * (levels - black[:, None]) + dark.mean(1)[:, None]
    estimated = line_variance(line, levels[:, None])[:, 0]
    error = np.abs(np.sqrt(estimated / true) - 1)[used]
    assert np.all(np.median(error, axis=0) < 0.08)


@pytest.mark.parametrize("blur,contrast", [(0.8, 1500), (1.0, 2500)])
def test_fine_grey_texture_is_told_from_noise(blur, contrast):
    """Gravel, say: as strong as the noise in every plane, but one image in all of them."""
    rng = np.random.default_rng(0)
    texture = gaussian_filter(rng.standard_normal((256, 256)), blur)
    gains = np.tile([[0.5, 1.0], [1.0, 0.7]], (128, 128))
    gt = np.clip(8000 + contrast * texture / texture.std(), 300, None) * gains
    noisy = np.round(gt + np.sqrt(20 * gt + 1e4) * rng.standard_normal(gt.shape))
    line = estimate_blind(noisy)
    # the planes alone, whose pixels lie further apart, would say 2.0
    assert 0.95 < np.sqrt(line_variance(line, np.array([[5000.0]])) / 1.1e5) < 1.2


def test_blind_estimate_of_one_patch_of_a_batch_and_of_a_crop_agree(world):
    noisy = world[0][:4]
    together, alone = estimate_blind(noisy), estimate_blind(noisy[2])
    np.testing.assert_allclose(together.shot_noise[2], alone.shot_noise, rtol=1e-9)
    assert np.isfinite(estimate_blind(noisy[:, :96, :96]).shot_noise).all()


def test_blind_estimate_survives_featureless_patches():
    flat = np.stack([np.full((64, 64), v, np.uint16) for v in (0, 1000, 65535)])
    line = estimate_blind(flat)
    assert np.isfinite(line.shot_noise).all() and np.isfinite(line.intercept).all()
    assert (line_variance(line, flat.astype(np.float64)) > 0).all()


def test_black_level_where_the_dark_shows_it(tmp_path):
    """Half the frame sees no light: pairs and, at low noise, a single patch tell the black."""
    s = sensor.Sensor(14, 2000.0, 65532.0, 10.0, 30.0**2, 0.0, np.ones(4), 0.0)
    scene = np.zeros((256, 256), np.float32)
    scene[128:] = np.random.default_rng(0).uniform(0.1, 0.3, (128, 256))
    scene[128::2, ::2] *= 0.5
    scene[:128] = 0
    scene[128:] = np.repeat(np.repeat(scene[128:][::32, ::32], 32, 0), 32, 1)
    noisy, gt = sensor.expose(scene[None], [s], np.random.default_rng(1))
    pairs, blind = estimate_pairs(noisy, gt), estimate_blind(noisy)
    assert np.all(np.abs(pairs.black_level - 2000) < 2)
    assert np.all(np.abs(np.sqrt(pairs.read_noise_var) - 30) < 3)
    assert abs(blind.black_level[0] - 2000) < 32
    # with light everywhere nothing tells black from read noise
    noisy, gt = sensor.expose(scene[None] + np.float32(0.02), [s], np.random.default_rng(1))
    assert np.isnan(estimate_blind(noisy[:, 128:]).black_level).all()


def test_estimators_take_memory_mapped_patches(tmp_path, world):
    from rawkit import write_patches

    path = write_patches(tmp_path / "x.bin", world[0][:2])
    assert estimate_blind(open_patches(path)).shot_noise.shape == (2,)
