"""Notebook 06 on photographs that are not the sample, and where things are missing."""

import numpy as np
import pytest
from notebook_runs import run_in_turn
from photo_files import color_mosaic, make_photo

from rawkit.photo import read_photo, write_dng
from rawkit.synth import Sensor, expose
from rawkit.synth.procedural import procedural_scene

pytestmark = pytest.mark.slow  # runs of a notebook


def test_photographs_that_are_no_sample(monkeypatch, tmp_path):
    """A small frame, a night, a lens cap, without black level: the notebook runs to its end."""
    rng, turns = np.random.default_rng(1), []
    frames = {
        "small": (rng.normal(3000, 70, (200, 300)), {}),
        "night": (512 + rng.poisson(rng.gamma(0.2, 20, (400, 600)), (400, 600)), {}),
        "cap": (rng.normal(512, 12, (400, 600)), {}),
        "dark": (np.maximum(rng.normal(0, 12, (400, 600)), 0), {"black": 0}),
    }
    for name, (codes, fields) in frames.items():
        photo = make_photo(np.clip(np.rint(codes), 0, 16383).astype(np.uint16), **fields)
        path = write_dng(tmp_path / f"{name}.dng", photo)
        turns.append(({"RAWKIT_PHOTO": str(path), "RAWKIT_OUTPUTS": str(tmp_path / name)}, ""))
    error, texts = run_in_turn("06", turns)
    assert error is None
    for name, text in zip(frames, texts):
        assert f"{name}.dng" in text and "moved beyond what noise allows: nothing" in text
        assert (tmp_path / name / "photo" / f"{name}_denoised.dng").is_file()


def test_another_photograph_twice(monkeypatch, tmp_path):
    """Upright, small, of another phase, without black level or noise profile."""
    mosaic = color_mosaic(lambda rng: procedural_scene(rng, 640)[:, :480])
    sensor = Sensor(12, 0.0, 4095 * 16.0, 40.0, 60.0, 0.0, np.ones(4), 0)
    codes = expose(mosaic, sensor, np.random.default_rng(1))[0][1:, 1:] // 16
    photo = make_photo(np.ascontiguousarray(codes), "BGGR", black=0, white=4095, orientation=6)
    monkeypatch.setenv("RAWKIT_PHOTO", str(write_dng(tmp_path / "mine.dng", photo)))
    folders = {strength: tmp_path / str(strength) for strength in (1.0, 0.5)}
    turns = [({"RAWKIT_OUTPUTS": str(folders[s])}, f"STRENGTH = {s:g}") for s in folders]
    error, texts = run_in_turn("06", turns)
    assert error is None
    changed = {}
    for text, (strength, folder) in zip(texts, folders.items()):
        assert "mine.dng" in text and "NoiseProfile:" not in text
        found = read_photo(folder / "photo" / "mine_denoised.dng")
        assert found.phase == "BGGR" and found.orientation == 6
        changed[strength] = np.abs(found.mosaic - codes.astype(float)).mean()
    assert 0.4 < changed[0.5] / changed[1.0] < 0.6
