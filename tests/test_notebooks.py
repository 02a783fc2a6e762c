"""The notebooks under other settings than those of their committed outputs: the second tier.

Each runs here on its own, in a fresh kernel, with an outputs folder of its own.
"""

import nbformat
import numpy as np
import pytest
from notebook_runs import run, run_in_turn

from rawkit import open_patches, places, write_patches
from rawkit.cli.pages import NOTEBOOKS
from rawkit.nn import import_network, save_model, sha256
from rawkit.nn.networks import Baseline
from rawkit.nn.tensor_files import load_arrays, save_arrays
from rawkit.synth import write_dataset

NAMES = sorted(path.stem for path in NOTEBOOKS.glob("[0-9]*.ipynb"))
FEW_STEPS = "STEPS = 3\nFINE_TUNE_STEPS = 2\nSEEDS = (1,)\nBATCH_SIZE = SCENES = FIRST_STEPS = 2\n"


@pytest.fixture(scope="session")
def dataset(tmp_path_factory):
    """Pairs of patches that are in no committed output."""
    folder = tmp_path_factory.mktemp("dataset")
    write_dataset(folder, train=24, test=4, seed=77)
    return folder


@pytest.fixture
def settings(monkeypatch, tmp_path, dataset):
    monkeypatch.setenv("RAWKIT_DATA", str(dataset))
    monkeypatch.setenv("RAWKIT_OUTPUTS", str(tmp_path / "out"))
    return monkeypatch


def test_there_are_seven_in_order():
    assert [name[:2] for name in NAMES] == ["01", "02", "03", "04", "05", "06", "07"]


def adds_one_dn():
    """A network whose answer is known: every pixel plus 1 DN."""
    model = Baseline()
    for i in range(1, 7):
        layer = getattr(model, f"conv{i}")[0]
        weight, bias = layer.weight, layer.bias
        identity = np.zeros(weight.shape, np.float32)
        identity[range(4), range(4), 1, 1] = 1
        weight[:] = identity
        bias[:] = 1 / 65536 if i == 6 else 0
    return model


@pytest.fixture
def choice(tmp_path):
    """What makes notebook 05 take the network whose answer is known."""
    save_model(tmp_path / "mine.safetensors", adds_one_dn())
    return f"WEIGHTS = {str(tmp_path / 'mine.safetensors')!r}\n"


DATASETS = {  # pairs to train on, test inputs
    "no pairs, one test patch": (0, 1, "02 03 04 05"),
    "one pair": (1, 2, "02 05"),
    "two pairs": (2, 2, "02 04 05"),
    "three pairs": (3, 2, "04 05"),
    "five pairs": (5, 2, "03 05"),
    "half of it without noise": (12, 4, "01 02 03 05"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_full_setting_and_any_dataset(settings, tmp_path, dataset, choice, name):
    """In full on another dataset, then on small ones without the test patches' gt."""
    kinds = [kind for kind, (_, _, names) in DATASETS.items() if name[:2] in names]
    turns = [({"RAWKIT_RUN": "full"}, FEW_STEPS + choice)]
    if name[:2] in ("03", "04", "05"):  # which keep what the second run finds; 02 is like 03
        turns *= 2
    for kind in kinds:
        pairs, inputs, _ = DATASETS[kind]
        write_small(tmp_path / kind / "small", dataset, pairs, inputs, "without noise" in kind)
        values = {"DATA": tmp_path / kind / "small", "OUTPUTS": tmp_path / kind, "RUN": "quick"}
        turns.append(({"RAWKIT_" + key: str(place) for key, place in values.items()}, FEW_STEPS))
    error, texts = run_in_turn(name, turns)
    in_full = len(turns) - len(kinds)
    names = ["full"] * in_full + kinds
    assert error is None, f"{error}, in turn {sum(map(bool, texts))} of {names}"
    text, texts = texts[0], texts[in_full:]
    assert "RAWKIT_DATA is set" in text or name[:2] in ("06", "07")  # no dataset
    for kind, text in zip(kinds, texts):
        pairs, inputs, _ = DATASETS[kind]
        if name.startswith("05"):
            assert "ground truth: no" in text and f"a valid answer: {inputs} patches" in text
            assert len(open_patches(tmp_path / kind / "submit" / "result.bin")) == inputs
            assert "left out" not in text
        else:
            assert ("the tiny synthetic set, because small holds" in text) == (pairs < 2)


def write_small(folder, dataset, pairs, inputs, flat=False):
    """The first patches of a dataset, without ground truth for the test input.

    `flat`: the first ones, and every other one after that, are black or white all over.
    """
    for name in (places.TRAIN_INPUT, places.TRAIN_GT, places.TEST_INPUT):
        count = inputs if name == places.TEST_INPUT else pairs
        bayer = np.array(open_patches(dataset / name)[:count])
        if flat:
            bayer[0::4], bayer[2::4] = 4096, 65535
        if count:
            write_patches(folder / name, bayer)


OWN = """
import megengine.module as M


class Darker(M.Module):
    def __init__(self, width=1):
        super().__init__()
        self.layer = M.Conv2d(1, width, 1)

    def forward(self, bayer):
        return bayer * 0.999


class Wide(Darker):
    def __init__(self):
        super().__init__(60000)


class Same(Darker):
    def forward(self, bayer):
        return bayer


class Halved(Darker):
    def forward(self, bayer):
        return bayer[:, :, ::2]


class Broken(Darker):
    def forward(self, bayer):
        raise RuntimeError("on purpose")
"""


@pytest.mark.slow
def test_05_takes_any_network_that_fits_and_names_what_does_not(settings, tmp_path):
    folder = tmp_path / "out" / "weights"
    folder.mkdir(parents=True)
    code = folder / "own_networks.py"
    code.write_text(OWN)
    for name in ("Darker", "Wide", "Same", "Halved", "Broken"):
        model = import_network(code, name)()
        save_model(folder / (name.lower() + ".safetensors"), model, code)
    (folder / "text.safetensors").write_text("no weights")
    strange = folder / "strange.py"
    strange.write_text(OWN + "raise SystemExit")
    arrays, meta = load_arrays(folder / "darker.safetensors")
    meta["definition"] = {"file": "strange.py", "sha256": sha256(strange)}
    save_arrays(folder / "strange.safetensors", arrays, meta)
    changes = "import pathlib, rawkit.nn.weights as w\n"
    changes += "w.SHIPPED = w.SHIPPED_BASELINE = pathlib.Path('none')\n"
    error, text = run("05", changes + "RUN_CODE = ['own_networks.py']\n")
    assert error is None
    left_out = [line for line in text.splitlines() if line.startswith("left out")]
    assert len(left_out) == 6
    reasons = "found 120000 parameters", "returns its input", "answer of shape", "on purpose"
    for words in reasons + ("text.safetensors", "permission to run strange.py"):
        assert sum(words in line for line in left_out) == 1
    assert f"patches: {folder / 'darker.safetensors'}" in text
    assert open_patches(tmp_path / "out" / "submit" / "result.bin").shape == (4, 256, 256)


@pytest.mark.slow
def test_megstudios_places_are_found(monkeypatch, choice, tmp_path, dataset):
    """Run 05 as it would be there: no variable set, its folders present."""
    for name in ("RAWKIT_DATA", "RAWKIT_OUTPUTS"):
        monkeypatch.delenv(name, raising=False)
    places = tmp_path / "megstudio"
    (places / "workspace").mkdir(parents=True)
    (places / "dataset").mkdir()
    (places / "dataset" / "burst_raw").symlink_to(dataset)
    changes = "import pathlib, rawkit.places\nrawkit.places.MEGSTUDIO = pathlib.Path(%r)\n"
    error, text = run("05", changes % str(places) + choice)
    assert error is None
    assert "MegStudio's dataset folder exists" in text
    assert len(open_patches(places / "workspace" / "submit" / "result.bin")) == 4


@pytest.mark.slow
def test_05_without_weights_says_which_notebook_to_run(settings, tmp_path):
    hide = "import pathlib, rawkit.nn.weights as w\n"
    hide += "w.SHIPPED = w.SHIPPED_BASELINE = pathlib.Path('none')\n"
    error, _ = run("05", hide)
    assert "found no weights" in error


@pytest.mark.parametrize("name", NAMES)
def test_no_cell_is_longer_than_a_screen(name):
    cells = nbformat.read(str(NOTEBOOKS / (name + ".ipynb")), as_version=4).cells
    for cell in cells:
        if cell.cell_type == "code":
            lines = cell.source.splitlines()
            assert len(lines) <= 25 and max(map(len, lines)) <= 100, cell.source
