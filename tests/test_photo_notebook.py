"""Notebook 06 on photographs that are not the sample, and where things are missing."""

import numpy as np
import pytest
from notebook_runs import run, run_in_turn
from photo_files import make_photo

from rawkit.photo import read_photo, write_dng
from rawkit.synth import Sensor, expose, scene_rng
from rawkit.synth.optics import blur, camera_colors, to_mosaic
from rawkit.synth.procedural import procedural_scene

HIDE = "import sys; sys.modules[%r] = None"
pytestmark = pytest.mark.slow  # three runs of a notebook


@pytest.fixture
def outputs(monkeypatch, tmp_path):
    monkeypatch.setenv("RAWKIT_OUTPUTS", str(tmp_path / "out"))
    return tmp_path / "out" / "photo"


@pytest.mark.parametrize("missing", ["rawpy", "ipywidgets"])
def test_the_sample_needs_neither_libraw_nor_widgets(outputs, missing):
    error, text = run("06", first=HIDE % missing)
    assert error is None
    assert "read back: every pixel" in text and "0.000473 x + 2.01e-06" in text
    assert ("LibRaw: no" in text) == (missing == "rawpy")
    assert (outputs / "sample_denoised.jpg").stat().st_size > 50000


def test_another_photograph_twice(monkeypatch, tmp_path):
    """Upright, small, of another phase, without black level or noise profile."""
    rng = scene_rng("test", 41, 2)
    light = camera_colors(rng, blur(procedural_scene(rng, 640), 0.8))[:, :480]
    mosaic = to_mosaic(light, 1.6, 1.5) * np.float32(0.1 / light.mean())
    sensor = Sensor(12, 0.0, 4095 * 16.0, 40.0, 60.0, 0.0, np.ones(4), 0)
    codes = expose(mosaic, sensor, rng)[0][1:, 1:] // 16
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
