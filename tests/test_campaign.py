"""Nothing lost: kills, full disks and damaged files, for real.

The suite runs a short form.  The long one:

    RAWKIT_CAMPAIGN=long .venv/bin/python -m pytest -s -m "slow or not slow" tests/test_campaign.py
"""

import io
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from photo_files import compress, make_photo
from PIL import Image

from rawkit import places, write_patches
from rawkit.cli.submission import check_submission
from rawkit.nn import Baseline, load_model, save_model
from rawkit.nn.tensor_files import load_arrays
from rawkit.photo import read_photo, write_dng
from rawkit.synth import datasets, write_dataset
from rawkit.synth.datasets import read_parameters
from rawkit.synth.photographs import usable_photographs
from rawkit.synth.recipes import get_recipe
from rawkit.training import release
from rawkit.training.release import _scenes

LONG = os.environ.get("RAWKIT_CAMPAIGN") == "long"
RECIPE = get_recipe("mixed")._replace(photo_share=0)  # photographs take long to decode


def patches_of(value):
    return np.full((3, 256, 256), value, np.uint16)


def write_set(folder, value):
    return write_dataset(folder, 2, 1, value, overwrite=True, workers=1, preset=RECIPE)


WRITERS = {  # each writes a version of something at a place
    "patches": lambda path, value: write_patches(path / "p.bin", patches_of(value)),
    "dataset": write_set,
    "scenes": lambda path, value: _scenes(path, 2),
}


@pytest.fixture(autouse=True)
def quick_scenes(monkeypatch):
    """What is written does not matter here, only whether it is whole."""

    def pair(split, seed, photographs, recipe, index):
        noisy, gt = np.full((2, 256, 256), 10 * seed + index, np.uint16)
        return noisy, gt, dict.fromkeys(datasets.TRUTH_FIELDS, index)

    ones = np.ones((256, 256), "<f4")
    monkeypatch.setattr(release, "clean_patches", lambda n, seed, preset: np.stack([ones] * n))
    monkeypatch.setattr(datasets, "make_pair", pair)


def contents(path):
    """What stands at a place, hidden files aside."""
    return {file.name: file.read_bytes() for file in sorted(path.glob("[!.]*"))}


def in_child(function, *arguments):
    """Run it in a process of its own; its error's text, "" without one, or minus the signal."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        text = ""
        try:
            function(*arguments)
        except BaseException as error:
            text = str(error) or repr(error)
        os.write(write, text.encode()[:4000])
        os._exit(0)
    os.close(write)
    with open(read, "rb") as file:
        text = file.read().decode()
    status = os.waitpid(child, 0)[1]
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else text


def kill_at(count, functions, run, *arguments):
    """Run, and be killed at one of the calls by which a file comes to its place."""
    left = [count]

    def counted(function):
        def call(*given, **named):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*given, **named)

        return call

    for owner, name in functions:
        setattr(owner, name, counted(getattr(owner, name)))
    run(*arguments)


@pytest.mark.parametrize("kind", ["patches", "dataset"])
def test_a_killed_writer_leaves_the_old_or_the_new(tmp_path, kind, capsys):
    write, path = WRITERS[kind], tmp_path / "place"
    versions = []
    for value in (1, 2):
        write(path, value)
        versions.append(contents(path))
    completed = 0
    places_to_die = [(os, "replace"), (os, "fsync"), (os, "rename")]
    places_to_die += [(Path, "unlink"), (Path, "rmdir")]
    for count in range(1, 60):
        write(path, 1)
        died = in_child(kill_at, count, places_to_die, write, path, 2)
        found = contents(path)
        if kind == "dataset" and found not in versions:  # killed while it took the old one's place
            completed += 1
            for noisy, gt in places.GT_OF.items():  # no pair of both sets
                pair = found.get(noisy), found.get(gt)
                assert None in pair or pair in [(one[noisy], one[gt]) for one in versions]
            with pytest.raises(FileExistsError):
                write_dataset(path, 2, 1, 3, workers=1, preset=RECIPE)
            assert "put the set in place that an earlier run made" in capsys.readouterr().err
            assert contents(path) == versions[1]
        else:
            assert found in versions
        if died != -signal.SIGKILL:
            break
    assert count > 1
    write(path, 2)
    assert contents(path) == versions[1]
    assert (completed > 8) == (kind == "dataset")


def full_disk(size, run, *arguments):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    run(*arguments)


@pytest.mark.parametrize("kind", WRITERS)
def test_a_full_disk_is_named_and_the_old_file_survives(tmp_path, kind):
    write, path = WRITERS[kind], tmp_path / "place"
    if kind != "scenes":
        write(path, 1)
    before = contents(path)
    for size in np.linspace(0, 130000, 30 if LONG else 4, dtype=int):
        said = in_child(full_disk, size, write, path, 2)
        assert "place" in said and "room for it on the disk" in said
        assert contents(path) == before
    assert not list(tmp_path.rglob(".rawkit-*"))


CHILD = """
import sys
import rawkit.nn
import megengine
from rawkit.nn import Baseline, save_model
from rawkit.training import PairBatches, train
from rawkit import open_patches
folder = sys.argv[1]
noisy, gt = open_patches(folder + "/noisy.bin"), open_patches(folder + "/gt.bin")
megengine.random.seed(1)
model = Baseline()
def tell(step, steps):
    print("step", step, flush=True)
    return 1 - step / steps
history = train(model, PairBatches(noisy, gt, 2, crop=16, views=True, seed=1), 40, 1e-3,
                schedule=tell, ema_decay=0.9, checkpoint=folder + "/c.safetensors",
                checkpoint_seconds=0)
print("saving", flush=True)
save_model(folder + "/w.safetensors", model)
print("saved", history.resumed_at, flush=True)
"""


def train_in_child(folder, kill_on=None, delay=0.0):
    """Run the training; kill it that long after a line of its output.  Its lines."""
    command = [sys.executable, "-c", CHILD, str(folder)]
    pipe = {"stdout": subprocess.PIPE, "universal_newlines": True}
    child = subprocess.Popen(command, cwd=str(places.ROOT), **pipe)
    lines = []
    for line in child.stdout:
        lines.append(line.strip())
        if kill_on and line.startswith(kill_on):
            time.sleep(delay)
            child.kill()
    assert child.wait() == (-signal.SIGKILL if kill_on else 0)
    return lines


@pytest.mark.slow
def test_a_training_killed_anywhere_ends_with_the_same_weights(tmp_path, rng):
    for folder in (tmp_path / "whole", tmp_path / "killed"):
        gt = np.random.default_rng(1).integers(0, 65536, (4, 256, 256), dtype=np.uint16)
        write_patches(folder / "gt.bin", gt)
        write_patches(folder / "noisy.bin", gt // 2)
    train_in_child(tmp_path / "whole")
    expected, _ = load_arrays(tmp_path / "whole" / "w.safetensors")
    points = [f"step {step}" for step in np.sort(rng.integers(1, 40, 18 if LONG else 1))]
    done = 0
    for point in points + ["saving"]:
        lines = train_in_child(tmp_path / "killed", point, rng.uniform(0, 0.02))
        steps = [int(line.split()[1]) for line in lines if line.startswith("step ")]
        assert done - steps[0] <= 1, "with a checkpoint a step, a step is lost"
        done = steps[-1]
    lines = train_in_child(tmp_path / "killed")
    assert lines[-1] == "saved 40", "after the last step nothing is trained again"
    found, _ = load_arrays(tmp_path / "killed" / "w.safetensors")
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


def mutate(rng, data):
    """Flip, cut, fill, repeat or overwrite with telling numbers."""
    data = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        place, length = rng.integers(len(data) + 1), int(2 ** rng.uniform(0, 12))
        kind = rng.integers(5)
        if kind == 0 and data:
            data[place % len(data)] ^= 1 << rng.integers(8)
        elif kind == 1:
            del data[place:]
        elif kind == 2:
            data[place : place + length] = bytes(len(data[place : place + length]))
        elif kind == 3:
            data[place:place] = data[place : place + length]
        else:
            numbers = [b"\xff" * 8, b"\x00" * 8, b"\xff\xff\xff\x7f", b"9" * 12, b"-1", b'\n,"(']
            text = numbers[rng.integers(len(numbers))]
            data[place : place + len(text)] = text
    return bytes(data)


def readers(folder):
    """Of each kind of file: its name, a good one, and what reads it."""
    model = folder / "good.safetensors"
    save_model(model, Baseline())
    np.savez_compressed(folder / "old.npz", meta=np.array("{}"), losses=np.ones(9))
    write_set(folder / "set", 1)
    truth = (folder / "set" / "true_parameters.csv").read_bytes()
    patch = write_patches(folder / "p.bin", patches_of(7)[:1]).read_bytes()
    _scenes(folder / "made", 2)
    (scenes,) = (folder / "made").glob("*.safetensors")
    pixels = np.random.default_rng(0).integers(0, 255, (200, 220, 3), np.uint8)
    yield "w.safetensors", model.read_bytes(), load_model
    yield "z.npz", (folder / "old.npz").read_bytes(), load_arrays
    yield "true_parameters.csv", truth, lambda path: read_parameters(path.parent, "x")
    yield "p.bin", patch, lambda path: check_submission(path, folder / "p.bin")
    yield scenes.name, scenes.read_bytes(), lambda path: _scenes(path.parent, 2)
    mosaic = np.random.default_rng(0).integers(512, 16383, (48, 64), dtype=np.uint16)
    photo = write_dng(folder / "plain.dng", make_photo(mosaic))
    yield "plain.dng", photo.read_bytes(), read_photo
    compress(photo)  # so that LibRaw must read it
    yield "compressed.dng", photo.read_bytes(), read_photo
    for kind in ("PNG", "TIFF"):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, kind)
        yield "x." + kind.lower(), file.getvalue(), photographs


def photographs(path):
    said = []
    assert usable_photographs([path], report=said.append) or path.name in said[0]
    assert "\n" not in "".join(said)


@pytest.mark.filterwarnings("ignore")
def test_damaged_files_give_one_line_that_names_them(tmp_path):
    rng, place = np.random.default_rng(1), tmp_path / "fuzz"
    place.mkdir()
    kinds = list(readers(tmp_path))
    for _ in range(1000 if LONG else 12):
        for name, good, read in kinds:
            path, began = place / name, time.process_time()
            path.write_bytes(mutate(rng, good))
            try:
                read(path)
            except (ValueError, OSError) as error:
                assert name in str(error) and "\n" not in str(error), (name, error)
            assert time.process_time() - began < 10, name
