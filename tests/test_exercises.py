"""The answers to the notebooks' exercises, found by doing them.

Functions to be written are replaced by their folded solutions, which the check below each must
call right.  Of other exercises a table here says what the reader would do, and what comes out.

Those that train take minutes: by hand, after a change of a notebook or its data,
python -m pytest tests/test_exercises.py -m expensive
"""

import re
import shutil
import subprocess
import sys
from typing import NamedTuple

import nbformat
import pytest
from notebook_runs import changed, printed, solve

from rawkit.cli.pages import NOTEBOOKS, execute
from rawkit.places import ROOT

pytestmark = pytest.mark.slow


class Exercise(NamedTuple):
    notebook: str
    settings: str = ""  # set right after the notebook's own
    edits: tuple = ()  # pairs: what stands in a cell, and what the reader writes instead
    check: str = ""  # what the folded answer says, at the end of the notebook


QUICK = {
    "01": Exercise(
        "01",
        check="""
# 01-3
step = 120 * np.sqrt(12 * (1.1**2 - 1))
assert round(step) == 190 and int(65536 / step) == 344 and 2**8 < 344 <= 2**9

# 01-4
def with_blocks(side):
    global BLOCK, CALM
    BLOCK = side
    noise = detail(rng.standard_normal((9999, side + 2, side + 2)))
    CALM = np.quantile(noise.var((1, 2)), 0.25)
    (found, dark), mean, variance = block_line(frame, photo_black)
    even = np.log(variance / np.maximum(found * mean + dark, 1))[mean < np.median(mean)]
    each = [block_line(p, level)[0][0] for p, level in zip(sample, black)]
    off = np.median(np.abs(each / known - 1))
    return found, np.subtract(*np.quantile(even, [0.75, 0.25])), off

small, usual, large = with_blocks(4), with_blocks(8), with_blocks(32)
assert abs(small[0] / usual[0] - 1) < 0.1 and abs(large[0] / usual[0] - 1) < 0.1
assert small[1] > 1.4 * usual[1] > 2 * large[1], (small, usual, large)
assert 1.6 < large[2] / usual[2] < 3
""",
    ),
    "02": Exercise(
        "02",
        "STEPS = 3",
        check="""
answers["spun"] = np.array([
    denoise_patch(lambda planes: spin(haar, planes), *each, True)
    for each in zip(noisy, *lines.T)
])
for name, expected in (("untouched", 6.66), ("Gaussian", 7.83), ("bilateral, stabilized", 8.64),
        ("Haar wavelets, stabilized", 7.88), ("spun", 8.66), ("non-local means", 8.77),
        ("non-local means, stabilized", 9.02), (longer, 9.03), ("BlindUNet", 9.96)):
    score = score_of_errors(normalized_l1(answers[name], gt))
    assert abs(score - expected) < 0.02, (name, score)

# the loop in sight and the one with checkpoints are the same
mge.random.seed(SEED)
again = PairBatches(train_noisy, train_gt, BATCH_SIZE, crop=CROP, seed=SEED)
history = train(SixLayers(), again, STEPS, LEARNING_RATE)
np.testing.assert_allclose(history.losses, losses, rtol=1e-3)
""",
    ),
    "06": Exercise(
        "06",
        check="""
# 06-1
weaker = active_view(denoise_photo(photo, model, 0.7)).astype(float)
dim = clean < 4000  # what is clipped stays, whatever the strength
left = (weaker - clean)[dim].std() / (seen - clean.astype(float))[dim].std()
assert abs(left - 0.3) < 0.01, left

# 06-2
from rawkit.photo import sample
from rawkit.photo.noise_line import estimate_frame
from rawkit.synth import expose, scene_rng
from rawkit.synth.optics import to_mosaic

scene, slopes = to_mosaic(sample.sample_scene()), []
for gain in (1, 16):
    sensor = sample.SENSOR._replace(shot_noise=sample.SENSOR.shot_noise * gain / 16)
    slopes.append(estimate_frame(expose(scene, sensor, scene_rng("test", 14, 9))[0]).shot_noise)
assert 14 < slopes[1] / slopes[0] < 18, slopes
""",
    ),
}


MIDDLE = "self.middle = Conv2d(COARSE, COARSEST, 2, stride=2), Cell(COARSEST)"
TWO_CELLS = MIDDLE.replace("Cell(COARSEST)", "M.Sequential(Cell(COARSEST), Cell(COARSEST))")
WIDTHS = "FINE, COARSE, COARSEST = 32, 48, 64"
SCORE_02 = "score = score_of_errors(normalized_l1(answers[f'{STEPS} steps'], gt))\n"
TRAINED = {
    "02-3": Exercise(
        "02", "STEPS = 1200", check=SCORE_02 + "assert abs(score - 8.0) < 0.15, score"
    ),
    "02-4": Exercise(
        "02",
        edits=(("crop=CROP, seed=SEED)", "crop=CROP, seed=SEED, index_fault=True)"),),
        check=SCORE_02 + "assert abs(score - 7.39) < 0.15 and losses[-60:].mean() < losses[0] / 4",
    ),
    "02 as it is": Exercise("02", check=SCORE_02 + "assert abs(score - 7.85) < 0.15, score"),
    "03-1": Exercise(
        "03",
        edits=((WIDTHS, "FINE, COARSE, COARSEST = 16, 24, 32"),),
        check="assert parameters == 25452 and abs(today.score.iloc[-1] - 9.03) < 0.1, today",
    ),
    "03-2": Exercise(
        "03",
        "STEPS = 20",
        ((MIDDLE, TWO_CELLS), (WIDTHS, "FINE, COARSE, COARSEST = 32, 48, 48")),
        check="assert parameters == 91748 and count_parameters(Cell(64)) == 17216",
    ),
    "03-3": Exercise(
        "03",
        edits=(
            ("Conv2d(5, FINE", "Conv2d(4, FINE"),
            ("F.concat([stable - mean, light], axis=1)", "stable - mean"),
        ),
        check="assert parameters == 95156 and abs(today.score.iloc[-1] - 9.2) < 0.1, today",
    ),
    "05-1": Exercise(
        "05",
        "SELF_ENSEMBLE = True",
        check="""
assert abs(score_of_errors(errors.answer) - 9.99) < 0.03, score_of_errors(errors.answer)

# 05-3
assert errors.answer.idxmax() == errors.untouched.idxmax() == 2
assert errors.untouched.nlargest(2).index[1] == 9
assert errors.answer[9] < errors.answer.median()
""",
    ),
    "06-3": Exercise(
        "06",
        edits=(
            (
                "denoise_photo(photo, model, STRENGTH",
                "denoise_photo(photo._replace(mosaic=np.maximum(photo.mosaic, "
                "np.uint16(photo.black_level.max()))), model, STRENGTH",
            ),
            # the border, which was clipped too, is no longer that of the file
            ("assert (border == again.mosaic).all()", "assert True"),
        ),
        check="""
dark = truth < photo.black_level.mean() + 30
right = active_view(denoise_photo(photo, model))[dark].mean() - truth[dark].mean()
assert abs(right) < 1 and clean[dark].mean() - truth[dark].mean() > 3
assert 4 < off[1] < 7, off
""",
    ),
}


@pytest.mark.parametrize("name", QUICK)
def test_the_answer_is_true(name, tmp_path, monkeypatch):
    do(QUICK[name], tmp_path, monkeypatch)


def do(exercise, outputs, monkeypatch):
    """Do the exercises in a copy of the notebook; each check must hold."""
    monkeypatch.setenv("RAWKIT_OUTPUTS", str(outputs))
    (path,) = NOTEBOOKS.glob(exercise.notebook + "*.ipynb")
    notebook = nbformat.read(str(path), as_version=4)
    for old, new in exercise.edits:
        cells = [cell for cell in notebook.cells if old in cell.source]
        assert len(cells) == 1, "%r stands in %d cells" % (old, len(cells))
        cells[0].source = cells[0].source.replace(old, new)
    notebook.cells = changed(solve(notebook.cells), exercise.settings)
    notebook.cells.append(nbformat.v4.new_code_cell(exercise.check))
    assert execute(notebook, exercise.notebook) is None
    for cell in notebook.cells:
        if "exercise" in cell.metadata.get("tags", ()):
            assert re.fullmatch(r"(exercise \d+: right\n)+", printed(cell)), cell.source


@pytest.mark.expensive
@pytest.mark.parametrize("name", TRAINED)
def test_the_answer_of_a_training_is_true(name, tmp_path, monkeypatch):
    do(TRAINED[name], tmp_path, monkeypatch)


@pytest.mark.expensive
def test_06_a_folder_is_denoised_from_the_shell(tmp_path):
    (path,) = NOTEBOOKS.glob("06*.ipynb")
    text = nbformat.read(str(path), as_version=4).cells[-1].source
    (loop,) = [line.strip() for line in text.splitlines() if line.strip().startswith("for photo")]
    for name in ("one.dng", "two words.dng"):
        shutil.copy(str(ROOT / "data" / "photo" / "sample.dng"), str(tmp_path / name))
    loop = loop.replace("FOLDER", '"%s"' % tmp_path).replace("NEF", "dng")
    loop = loop.replace(".venv/bin/python ", '"%s" ' % sys.executable)
    subprocess.check_call(["bash", "-ec", loop], cwd=str(ROOT))
    made = sorted(path.name for path in tmp_path.glob("*_denoised.dng"))
    assert made == ["one_denoised.dng", "two words_denoised.dng"]
