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


CHECK_01 = """
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
"""
CHECK_02 = """
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
"""
CHECK_03 = """
# `forward` is what the frame does
for parameter in model.parameters():
    parameter[...] = parameter + mge.random.normal(0, 0.02, parameter.shape)
bayer = mge.Tensor(np.float32(noisy[shown, None, None]) / 65536)
line = mge.Tensor(np.float32([[values[shown, 0, 0] for values in blind]]))
answers = [x.numpy() * 65536 for x in (forward(model, bayer, line), model(bayer))]
assert np.abs(answers[0] - answers[1]).max() < 1
assert np.abs(answers[0] - noisy[shown]).mean() > 20

# 03-2
rows = noisy[shown] + rng.normal(0, 100, (256, 1))
columns = noisy[shown] + rng.normal(0, 100, (1, 256))
for striped in (rows, columns):
    found, plain = (np.polyval(simple_estimate(x)[0], x.mean()) for x in (striped, noisy[shown]))
    assert abs(found / plain - 1) < 0.05, (found, plain)
"""
CHECK_04 = """
# what the text says of data/ablations.csv
first, units = (against({row: other for row in told}) for other in (FIRST, list(steps)[2]))
assert 0.39 < first.change.min() and first.change.max() < 0.585
rungs = against(steps)
assert rungs.low["residual output"] < 0 < rungs.low["residual, centered"]
assert abs(rungs.change["residual, in units of the noise"] - 0.114) < 0.01
assert rungs.low["residual, in units of the noise"] > 0 > rungs.high["residual, noise map"]
assert units.change[1:].abs().max() < 0.02 and (units.low * units.high)[1:].max() < 0
assert abs(scores["residual output"].sub(scores[FIRST]).std() - 0.12) < 0.01

losses = table[table.high < 0].index
assert set(losses) >= {"32 channels", "9 layers of 38 channels", "fault: only the first batch"}
assert table.low[["self-ensemble", "loss like the score"]].min() > 0
small = ["mirrored, transposed crops", "average of the weights (EMA)"]
small += ["fault: activation on the output", "fault: truncated answer"]
assert table.change[small].abs().max() < 0.015
assert unet.change.drop("U-Net: random last layer").idxmax() == "U-Net: full layers, two scales"
assert abs(unet.change["U-Net: full layers, two scales"] - 0.25) < 0.01
assert abs(unet.change["U-Net: random last layer"] + 0.22) < 0.01
macs = runs.groupby("row").macs.first()
assert abs(macs["U-Net: full layers, two scales"] / macs[UNET] - 1.9) < 0.05
assert abs(lead[0] - 0.08) < 0.005 and abs(lead[1] - 0.01) < 0.005
"""
CHECK_05 = """
# 05-4
errors, untouched = normalized_l1(answer, test_gt), normalized_l1(test, test_gt)
assert errors.argmax() == untouched.argmax() == 2 and np.argsort(untouched)[-2] == 9
assert errors[9] < np.median(errors)
"""
CHECK_06 = """
# 06-1
weaker = active_view(denoise_photo(photo, model, 0.7)).astype(float)
dim = clean < 4000  # what is clipped stays, whatever the strength
left = (weaker - clean)[dim].std() / (seen - clean.astype(float))[dim].std()
assert abs(left - 0.3) < 0.01, left

# 06-2
from rawkit.photo.measuring import estimate_frame
from rawkit.synth import Sensor, clean_patches, expose

four, slopes = clean_patches(4, 5, workers=1), []
scene = np.block([[four[0], four[1]], [four[2], four[3]]])
for gain in (1, 16):
    sensor = Sensor(14, 2048.0, 65532.0, 3.0 * gain, 60.0, 0.0, np.ones(4), 0)
    shot = expose(scene, sensor, np.random.default_rng(1))[0]
    slopes.append(float(estimate_frame(shot.astype(np.float32)).shot_noise))
assert 13 < slopes[1] / slopes[0] < 19, slopes

# 06-3
floor = np.uint16(photo.black_level.max())
clipped = denoise_photo(photo._replace(mosaic=np.maximum(photo.mosaic, floor)), model)
rows, columns = (n // 16 for n in seen.shape)
means = [
    active_view(p)[: rows * 16, : columns * 16].reshape(rows, 16, columns, 16).mean((1, 3))
    for p in (photo, denoised, clipped)
]
dark = means[0] <= np.quantile(means[0], 0.01)
off = [(m - means[0])[dark].mean() for m in means[1:]]
assert abs(off[0]) < 0.5 < off[1], off
"""
CHECK_07 = """
# SURE says the true error where noise is white, whatever the network
rows = pd.DataFrame(rows).T
assert (rows["white: true"] - rows["white: SURE"]).abs().max() < 0.03, rows
assert abs(told["untouched"] - 1) < 0.01 and told["BlindUNet"] < 0.1, told

# 07-3: the best constant answer to skewed noise is its mean, or with the absolute value its median
dark = rng.poisson(1.5, 10001).astype(float)
answers = np.linspace(0, 2, 201)
best = [answers[np.argmin([f(dark - a).mean() for a in answers])] for f in (np.square, np.abs)]
assert abs(best[0] - dark.mean()) < 0.01 and abs(best[1] - np.median(dark)) < 0.02, best
"""
QUICK = {
    "01": Exercise("01", check=CHECK_01),
    "02": Exercise("02", "STEPS = 3", check=CHECK_02),
    "03": Exercise("03", "STEPS = 3\nSCENES = 16", check=CHECK_03),
    "04": Exercise("04", "STEPS = 10", check=CHECK_04),
    "05": Exercise("05", check=CHECK_05),
    "06": Exercise("06", check=CHECK_06),
    "07": Exercise("07", "STEPS = 10\nSCENES = 4", check=CHECK_07),
}


def reaches(score, tolerance, answer="pred"):
    """The check that an answer to the test input has about that score."""
    return f"""
score = 5 * np.log10(100 / normalized_l1({answer}, gt).mean())
assert abs(score - {score}) < {tolerance}, score
"""


LAST = "answers[f'{STEPS} steps']"  # of notebook 02
HALF_WIDTH = ("FINE, COARSE = 32, 48", "FINE, COARSE = 16, 24")
NO_LIGHT = (
    ("Conv2d(9, FINE", "Conv2d(8, FINE"),
    ("F.concat([centered, light, clipped], axis=1)", "F.concat([centered, clipped], axis=1)"),
)
ROWS = ["baseline without its faults", "residual output", "loss like the score", "both"]
ROW = '    "both": {"network": lambda: Six(as_it_is), "loss": training.score_loss},\n'
BOTH = ("    FIRST: {},\n", "    FIRST: {},\n" + ROW)
FAULTY = ("crop=CROP, seed=SEED)", "crop=CROP, seed=SEED, index_fault=True)")
CHECK_04_3 = """
gain = mine.set_index("row").score - mine.set_index("row").score[FIRST]
assert abs(gain["residual output"] - 0.42) < 0.1 and abs(gain["loss like the score"] - 0.17) < 0.1
assert gain["both"] < gain["residual output"] + gain["loss like the score"] - 0.05, gain
"""
CHECK_04_4 = """
both = mine.pivot(index="seed", columns="row", values="score")[ONLY]
change, low, high = interval(both[ONLY[1]] - both[ONLY[0]])
assert 0.2 < change < 0.7 and 0.2 < high - change < 0.6, (change, low, high)
"""
CHECK_05_3 = """
assert abs(card["score"] - 9.99) < 0.03, card
assert sorted(card["gain_95"].split(" to "))[0] > "+0.5"
"""
TRAINED = {
    "02-3": Exercise("02", "STEPS = 1200", check=reaches(8.0, 0.15, LAST)),
    "02-4": Exercise(
        "02",
        edits=(FAULTY,),
        check=reaches(7.39, 0.15, LAST) + "assert losses[-60:].mean() < losses[0] / 4",
    ),
    "02 as it is": Exercise("02", check=reaches(7.85, 0.15, LAST)),
    "03-3": Exercise("03", "", (HALF_WIDTH,), reaches(9.13, 0.1) + "assert parameters == 24700"),
    "03-4": Exercise("03", "", NO_LIGHT, reaches(9.33, 0.1)),
    "04-3": Exercise("04", f"STEPS = 1000\nONLY = {ROWS}", (BOTH,), CHECK_04_3),
    "04-4": Exercise("04", "SEEDS = (1, 2, 3)", check=CHECK_04_4),
    "05-3": Exercise("05", "SELF_ENSEMBLE = True", check=CHECK_05_3),
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
    (line,) = [x.strip() for x in text.splitlines() if "-m rawkit denoise FOLDER" in x]
    for name in ("one.dng", "two words.dng"):
        shutil.copy(str(ROOT / "data" / "photo" / "sample.dng"), str(tmp_path / name))
    line = line.replace("FOLDER", f'"{tmp_path}"').replace("DENOISED", f'"{tmp_path}"')
    line = line.replace(".venv/bin/python ", f'"{sys.executable}" ')
    subprocess.check_call(["bash", "-ec", line], cwd=str(ROOT))
    made = sorted(path.name for path in tmp_path.glob("*_denoised.dng"))
    assert made == ["one_denoised.dng", "two words_denoised.dng"]
