"""The notebooks under other settings than those of their committed outputs.

Each runs here on its own, in a fresh kernel, with an outputs folder of its own.
"""

import nbformat
import numpy as np
import pytest

from rawkit import open_patches, places, write_patches
from rawkit.nn.networks import Baseline
from rawkit.nn.weights import save_model
from rawkit.report.execution import NOTEBOOKS, execute
from rawkit.synth import write_dataset

NAMES = sorted(path.stem for path in NOTEBOOKS.glob("[0-9]*.ipynb"))
FEW_STEPS = "STEPS = 3\nFINE_TUNE_STEPS = 2\nSEEDS = (1,)\nBATCH_SIZE = 2\n"


@pytest.fixture(scope="session")
def dataset(tmp_path_factory):
    """Pairs of patches that are in no committed output."""
    folder = tmp_path_factory.mktemp("dataset")
    write_dataset(folder, train=24, test=3, seed=77)
    return folder


@pytest.fixture
def settings(monkeypatch, tmp_path, dataset):
    monkeypatch.setenv("RAWKIT_DATA", str(dataset))
    monkeypatch.setenv("RAWKIT_OUTPUTS", str(tmp_path / "out"))
    return monkeypatch


def run(name, changes=""):
    """Execute a notebook; return its error line and everything it printed."""
    (path,) = NOTEBOOKS.glob(name + "*.ipynb")
    notebook = nbformat.read(str(path), as_version=4)
    error = execute(notebook, name, changes)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    outputs = [output for cell in code for output in cell.outputs]
    return error, "".join(output.get("text", "") for output in outputs)


def test_there_are_six_in_order():
    assert [name[:2] for name in NAMES] == ["01", "02", "03", "04", "05", "06"]


def adds_one_dn():
    """A network whose answer is known: every pixel plus 1 DN."""
    model = Baseline()
    for i in range(1, 7):
        weight, bias = getattr(model, "conv%d" % i)[0].weight, getattr(model, "conv%d" % i)[0].bias
        identity = np.zeros(weight.shape, np.float32)
        identity[range(4), range(4), 1, 1] = 1
        weight[:] = identity
        bias[:] = 1 / 65536 if i == 6 else 0
    return model


@pytest.fixture
def choice(tmp_path):
    """What makes notebook 04 take the network whose answer is known."""
    save_model(tmp_path / "mine.npz", adds_one_dn())
    return "WEIGHTS = %r\n" % str(tmp_path / "mine.npz")


@pytest.mark.parametrize("name", NAMES)
def test_the_full_setting_runs_on_another_dataset(settings, choice, name):
    settings.setenv("RAWKIT_RUN", "full")
    error, text = run(name, FEW_STEPS + choice)
    assert error is None
    assert "RAWKIT_DATA is set" in text or name.startswith("06")  # which needs no dataset


def test_04_needs_no_ground_truth_and_the_others_name_it(settings, choice, tmp_path, dataset):
    noisy = np.array(open_patches(dataset / places.TEST_INPUT))
    write_patches(tmp_path / "alone" / places.TEST_INPUT, noisy)
    settings.setenv("RAWKIT_DATA", str(tmp_path / "alone"))
    error, text = run("04", choice)
    assert error is None
    assert "no ground truth" in text
    result = open_patches(tmp_path / "out" / "submit" / "result.bin")
    np.testing.assert_array_equal(result, np.minimum(noisy, 65534) + 1)
    for name in ("02", "03"):
        error, _ = run(name)
        assert "FileNotFoundError" in error
        assert "%s: found no file" % places.TRAIN_INPUT in error


def test_megstudios_places_are_found(monkeypatch, choice, tmp_path, dataset):
    """Run 04 as it would be there: no variable set, its folders present."""
    for name in ("RAWKIT_DATA", "RAWKIT_OUTPUTS"):
        monkeypatch.delenv(name, raising=False)
    places = tmp_path / "megstudio"
    (places / "workspace").mkdir(parents=True)
    (places / "dataset").mkdir()
    (places / "dataset" / "burst_raw").symlink_to(dataset)
    changes = "import pathlib, rawkit.places\nrawkit.places.MEGSTUDIO = pathlib.Path(%r)\n"
    error, text = run("04", changes % str(places) + choice)
    assert error is None
    assert "MegStudio's dataset folder exists" in text
    assert len(open_patches(places / "workspace" / "submit" / "result.bin")) == 3


def test_04_without_weights_says_which_notebook_to_run(settings, tmp_path):
    hide = "import pathlib, rawkit.nn.weights as w\n"
    hide += "w.SHIPPED = w.SHIPPED_BASELINE = pathlib.Path('none')\n"
    error, _ = run("04", hide)
    assert "found no weights; run notebook 02 first" in error
