"""The sensor model against an independent camera that counts photons."""

import numpy as np
import pytest

from rawkit.synth import MIXED, expose, sensor, shot
from rawkit.synth.expectation import expected_frame
from rawkit.synth.optics import to_mosaic

SENSORS = {
    "12-bit": sensor.Sensor(12, 0.0, 65520.0, 30.0, 30.0, 0.0, np.ones(4), 0.0),
    "10-bit": sensor.Sensor(
        10, 4096.0, 65472.0, 60.0, 250.0, 0.0, np.array([1, 0.985, 0.99, 1]), 0.0
    ),
    "few electrons": sensor.Sensor(14, 0.0, 65532.0, 800.0, 400.0, 0.0, np.ones(4), 0.0),
    "coarse codes": sensor.Sensor(10, 0.0, 65472.0, 2.0, 10.0, 0.0, np.ones(4), 0.0),
    "rows": sensor.Sensor(12, 300.0, 65520.0, 100.0, 300.0, 90.0, np.ones(4), 0.0),
}


def count_photons(scene, s, rng):
    """An independent camera: counts photons, adds read and row noise, converts."""
    step = {10: 64, 12: 16, 14: 4}[s.bits]
    electrons = rng.poisson(np.float64(scene) * (s.white_level - s.black_level) / s.shot_noise)
    volts = s.black_level + s.shot_noise * electrons
    volts = volts + rng.normal(0, s.read_noise, scene.shape)
    volts = volts + rng.normal(0, s.column_noise, (1, scene.shape[1]))
    volts = volts + rng.normal(0, s.row_noise, (scene.shape[0], 1))
    frame = np.clip(np.floor(volts / step + 0.5) * step, 0, s.white_level)
    for plane, gain in enumerate(s.gain):
        view = frame[plane // 2 :: 2, plane % 2 :: 2]
        if gain != 1:
            view[:] = np.rint((s.black_level + gain * (view - s.black_level)) / 4) * 4
    return frame


def shoot(scene, s, rng):
    electrons = shot.add_noise(shot.collect_electrons(scene, s), s, rng)
    return shot.convert(electrons, s, shot.draw_banding(scene.shape, s, rng))


def ladder(rows=2048, width=8):
    """Stripes of constant light: none, deep shadow, ..., up to beyond saturation."""
    levels = np.concatenate([[0], np.geomspace(3e-5, 1.3, 39)]).astype(np.float32)
    return np.tile(np.repeat(levels, width), (rows, 1)), len(levels)


@pytest.mark.parametrize("name", SENSORS)
@pytest.mark.parametrize("camera", [count_photons, shoot])
def test_residual_has_mean_zero_everywhere(name, camera):
    scene, levels = ladder()
    s = SENSORS[name]
    residual = camera(scene, s, np.random.default_rng(1)) - np.float64(expected_frame(scene, s))
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
    ours = shoot(scene, s, np.random.default_rng(2)).astype(np.float64)
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


def test_hot_pixels_stand_in_both_files():
    s = SENSORS["12-bit"]._replace(hot_pixels=0.01)
    noisy, gt = expose(np.full((64, 64), 0.001, np.float32), s, np.random.default_rng(0))
    hot = gt > 10 * np.median(gt)
    assert hot.sum() > 10
    assert np.corrcoef(noisy[hot], gt[hot])[0, 1] > 0.99


DEVIATIONS = {
    "white": {"white_level"},
    "rows": {"row_noise"},
    "gain": {"gain"},
    "black": {"black_level"},
    "cut": {"black_level", "white_level"},
    "columns": {"column_noise"},
    "uneven": {"noise_scale"},
    "smooth": {"noise_blur"},
    "none": set(),
}


@pytest.mark.parametrize("kind", DEVIATIONS)
def test_sensors_deviate_in_the_way_asked_for(kind):
    shares = sensor.Deviations(*(float(field == kind) for field in sensor.Deviations._fields))
    rng = np.random.default_rng(0)
    for _ in range(20):
        before = sensor.random_sensor(rng, MIXED._replace(kinds=(0, 1, 0)))  # black is kept
        if kind == "black":
            before = before._replace(black_level=0.0)
        after, offset = sensor.vary_sensor(before, rng, shares)
        changed = {f for f, a, b in zip(before._fields, before, after) if not np.array_equal(a, b)}
        assert changed == DEVIATIONS[kind]
        assert (offset > 0) == (kind == "cut")


def test_white_stays_neutral_where_asked():
    rgb = np.ones((4, 4, 3), np.float32)
    np.testing.assert_allclose(to_mosaic(rgb, 1.5, 1.7, neutral_white=True), 1)
    gray = np.full((4, 4, 3), 0.5, np.float32)
    np.testing.assert_array_equal(
        to_mosaic(gray, 1.5, 1.7, neutral_white=True), to_mosaic(gray, 1.5, 1.7)
    )
    assert to_mosaic(rgb, 1.5, 1.7)[0, 0] == np.float32(1 / 1.5)


UNEVEN = {
    "greens apart": {"noise_scale": (1.0, 1.35, 1.0, 1.2)},
    "smoothed": {"noise_blur": 0.25},
    "columns": {"column_noise": 60.0},
    "all at once": {"noise_scale": (1, 1.3, 1, 1), "noise_blur": 0.1, "row_noise": 50.0},
}


@pytest.mark.parametrize("kind", UNEVEN)
def test_uneven_noise_has_the_mean_and_the_line_that_are_told(kind):
    """Flat light, dark to beyond white: the truth is the mean, the line the variance."""
    s = SENSORS["12-bit"]._replace(read_noise=100.0, black_level=800.0, **UNEVEN[kind])
    rng = np.random.default_rng(3)
    for light in (0.0, 0.02, 0.3, 0.99, 1.4):
        flat = np.full((256, 256), light, np.float32)
        shots = [expose(flat, s, rng) for _ in range(12)]
        residual = np.array([np.float64(noisy) - gt for noisy, gt in shots])
        for plane, (y, x) in enumerate(sensor.PLACES):
            part = residual[:, y::2, x::2]
            slope, dark = (values[plane] for values in sensor.plane_noise(s))
            span = s.white_level - s.black_level
            variance = slope * min(light, 1) * span + dark
            # as uncertain as offsets that whole rows and columns share
            shared = sensor.banding_variance(s) / (12 * 128)
            error = np.sqrt(variance / part.size * 9 + shared)
            assert abs(part.mean()) < 4.5 * error + 0.6, (light, plane)
            if light < 0.5:
                assert part.var() == pytest.approx(variance, rel=0.1), (light, plane)
