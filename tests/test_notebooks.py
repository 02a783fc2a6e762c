"""The notebooks under other settings than those of their committed outputs: the second tier.

Each runs here on its own, in a fresh kernel, with an outputs folder of its own.
"""

import nbformat
import numpy as np
import pytest
from notebook_runs import run, run_in_turn

from rawkit import open_patches, places, write_patches
from rawkit.cli.pages import NOTEBOOKS
from rawkit.nn import SHIPPED_BASELINE, import_network, save_model, sha256
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


BASELINE = f"WEIGHTS = {str(SHIPPED_BASELINE)!r}\n"  # for 05, which must not choose
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
def test_the_full_setting_and_any_dataset(settings, tmp_path, dataset, name):
    """In full on another dataset, then on small ones without the test patches' gt."""
    kinds = [kind for kind, (_, _, names) in DATASETS.items() if name[:2] in names]
    turns = [({"RAWKIT_RUN": "full"}, FEW_STEPS + BASELINE)]
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


HIDE_SHIPPED = """
import pathlib, rawkit.nn.weights as w
w.SHIPPED = w.SHIPPED_BASELINE = pathlib.Path("none")
"""
OWN = """
class {}(M.Module):
    def __init__(self):
        super().__init__()
        self.layer = M.Conv2d(1, {}, 1)

    def forward(self, bayer):
        {}
"""
OWN_NETWORKS = (
    ("Darker", 1, "return bayer * 0.999"),
    ("Wide", 60000, "return bayer * 0.999"),
    ("Same", 1, "return bayer"),
    ("Halved", 1, "return bayer[:, :, ::2]"),
    ("Broken", 1, "raise RuntimeError('on purpose')"),
)


@pytest.mark.slow
def test_05_takes_any_network_that_fits_and_names_what_does_not(settings, tmp_path):
    folder = tmp_path / "out" / "weights"
    folder.mkdir(parents=True)
    code = folder / "own_networks.py"
    text = "import megengine.module as M\n" + "".join(OWN.format(*each) for each in OWN_NETWORKS)
    code.write_text(text)
    for name, _, _ in OWN_NETWORKS:
        model = import_network(code, name)()
        save_model(folder / (name.lower() + ".safetensors"), model, code)
    (folder / "text.safetensors").write_text("no weights")
    strange = folder / "strange.py"
    strange.write_text(text + "raise SystemExit")
    arrays, meta = load_arrays(folder / "darker.safetensors")
    meta["definition"] = {"file": "strange.py", "sha256": sha256(strange)}
    save_arrays(folder / "strange.safetensors", arrays, meta)
    error, text = run("05", HIDE_SHIPPED + "RUN_CODE = ['own_networks.py']\n")
    assert error is None
    left_out = [line for line in text.splitlines() if line.startswith("left out")]
    assert len(left_out) == 2 + 6  # the two that come with the suite, hidden here, and:
    reasons = "found 120000 parameters", "returns its input", "answer of shape", "on purpose"
    for words in reasons + ("text.safetensors", "permission to run strange.py"):
        assert sum(words in line for line in left_out) == 1
    assert f"patches: {folder / 'darker.safetensors'}" in text
    assert open_patches(tmp_path / "out" / "submit" / "result.bin").shape == (4, 256, 256)


@pytest.mark.slow
def test_megstudios_places_are_found(monkeypatch, tmp_path, dataset):
    """Run 05 as it would be there: no variable set, its folders present."""
    for name in ("RAWKIT_DATA", "RAWKIT_OUTPUTS"):
        monkeypatch.delenv(name, raising=False)
    places = tmp_path / "megstudio"
    (places / "workspace").mkdir(parents=True)
    (places / "dataset").mkdir()
    (places / "dataset" / "burst_raw").symlink_to(dataset)
    changes = "import pathlib, rawkit.places\nrawkit.places.MEGSTUDIO = pathlib.Path(%r)\n"
    error, text = run("05", changes % str(places) + BASELINE)
    assert error is None
    assert "MegStudio's dataset folder exists" in text
    assert len(open_patches(places / "workspace" / "submit" / "result.bin")) == 4


@pytest.mark.slow
def test_05_without_weights_says_which_notebook_to_run(settings, tmp_path):
    error, _ = run("05", HIDE_SHIPPED)
    assert "found no weights" in error


@pytest.mark.parametrize("name", NAMES)
def test_no_cell_is_longer_than_a_screen(name):
    cells = nbformat.read(str(NOTEBOOKS / (name + ".ipynb")), as_version=4).cells
    for cell in cells:
        if cell.cell_type == "code":
            lines = cell.source.splitlines()
            assert len(lines) <= 25 and max(map(len, lines)) <= 100, cell.source
