"""Synthetic datasets: format, seeds, splits, truth table, bad input."""

import csv
import os

import numpy as np
import pytest
from PIL import Image

from rawkit import megcup_score, open_patches, places, synth
from rawkit.synth import datasets, patches, photographs, sources


def read_table(folder):
    with open(str(folder / datasets.CSV_NAME), newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synth")
    synth.write_dataset(folder, 6, 3, 5, workers=1)
    return folder


def test_files_have_the_competition_format(dataset):
    names = places.TRAIN_INPUT, places.TRAIN_GT, places.TEST_INPUT, places.TEST_GT
    noisy, gt, *test = (open_patches(dataset / name) for name in names)
    assert noisy.shape == gt.shape == (6, 256, 256) and megcup_score(noisy, gt) > 3
    assert [len(patches) for patches in test] == [3, 3]
    rows = read_table(dataset)
    assert [row["index"] for row in rows] == [str(i) for i in range(9)]
    assert list(rows[0]) == datasets.CSV_FIELDS


def test_same_bytes_for_any_number_of_workers(dataset, tmp_path):
    synth.write_dataset(tmp_path, 6, 3, 5, workers=3)
    for path in dataset.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def test_a_worker_that_is_killed_is_told(monkeypatch):
    monkeypatch.setattr(patches, "make_mosaic", lambda *words: os.kill(os.getpid(), 9))
    with pytest.raises(RuntimeError, match="terminated abruptly"):
        synth.clean_patches(8, 1, workers=2)


def test_another_seed_split_or_index_gives_another_scene():
    keys = ("train", 0, 0), ("train", 0, 1), ("train", 1, 0), ("test", 0, 0)
    pairs = [patches.make_pair(split, seed, [], synth.MIXED, i) for split, seed, i in keys]
    assert len({noisy.tobytes() for noisy, _, _ in pairs}) == 4


def test_codes_and_truth_of_the_table_fit_the_patches(dataset):
    noisy = open_patches(dataset / places.TRAIN_INPUT)
    for row, patch in zip(read_table(dataset), noisy):
        if float(row["shot_noise_Gr"]) == float(row["shot_noise_R"]):  # no digital gain
            assert np.all(patch % (65536 >> int(row["bits"])) == 0)
        assert patch.max() <= float(row["white_level"])


def test_every_photograph_stands_once_in_the_table_and_exists():
    files = [photo.file for photo in sources.PHOTOS]
    assert len(set(files)) == len(files)
    split_files = [set(sources.photo_files(split)) for split in sources.SPLITS]
    assert sum(map(len, split_files)) == len(files) == len(set.union(*split_files))
    assert all(path.is_file() for group in split_files for path in group)
    assert all(photo.license for photo in sources.PHOTOS)
    # both views of one scene stay together
    stereo = {p.split for p in sources.PHOTOS if p.file.startswith("motorcycle")}
    assert len(stereo) == 1


def test_scenes_are_clean_linear_and_cover_shadow_to_clipping():
    patches = synth.clean_patches(24, seed=3, workers=1)
    assert patches.dtype == np.float32 and patches.shape == (24, 256, 256)
    assert np.isfinite(patches).all() and patches.min() >= 0
    means = patches.mean((1, 2))
    assert means.min() < 0.03 and means.max() > 0.1 and means.max() <= 0.71
    # noise-free: apart from edges, neighbors of one color are alike
    step = np.median(np.abs(patches[:, 2:] - patches[:, :-2]), axis=(1, 2)) / means
    assert np.median(step) < 0.05


def test_soft_optics_are_softer_than_sharp_ones():
    def detail(preset):
        patches = synth.clean_patches(12, 1, "validation", workers=1, preset=preset)
        fine = patches[:, 2:, 2:] + patches[:, :-2, :-2] - patches[:, 2:, :-2] - patches[:, :-2, 2:]
        return np.abs(fine).mean() / patches.mean()

    assert detail("soft") < 0.5 * detail("sharp")


@pytest.fixture
def photo_folder(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (300, 320, 3), np.uint8)
    Image.fromarray(pixels).save(str(folder / "good.png"))
    Image.fromarray(pixels).convert("CMYK").save(str(folder / "print.jpg"))
    Image.fromarray(pixels[:40, :40]).save(str(folder / "small.png"))
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff not a photograph")
    whole = (folder / "good.png").read_bytes()
    (folder / "truncated.png").write_bytes(whole[: len(whole) // 2])
    return folder


def test_unusable_photographs_are_skipped_with_a_line_each(photo_folder):
    lines = []
    usable = photographs.usable_photographs(sorted(photo_folder.iterdir()), report=lines.append)
    assert [path.name for path in usable] == ["good.png"]
    assert len(lines) == 4 and all("skipped" in line for line in lines)
    assert "CMYK" in " ".join(lines) and "40 x 40" in " ".join(lines)


def test_own_photographs_are_split_and_used(photo_folder, tmp_path):
    expected = sorted(photo_folder.iterdir())
    for name in ("video.mp4", "notes.txt"):  # which may have gigabytes
        (photo_folder / name).write_bytes(b"")
    groups = [sources.photo_files(split, photo_folder) for split in sources.SPLITS]
    assert sorted(sum(groups, [])) == expected
    (own,) = [s for s, g in zip(sources.SPLITS, groups) if photo_folder / "good.png" in g]
    options = {"workers": 1, "photos": photo_folder, "preset": "sharp"}
    synth.write_dataset(tmp_path / "out", 2, 0, 1, train_split=own, **options)
    assert {row["source"] for row in read_table(tmp_path / "out")} == {"photograph"}
    for other in set(sources.SPLITS) - {own}:
        with pytest.raises(ValueError, match=f"no usable photograph of the split {other!r}"):
            synth.write_dataset(tmp_path / "none", 1, 0, 1, train_split=other, **options)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        synth.write_dataset(tmp_path / "none", 1, 0, 1, photos=tmp_path / "nowhere")
    assert not (tmp_path / "none").exists()


def test_a_set_is_replaced_as_a_whole(tmp_path):
    synth.write_dataset(tmp_path, 2, 1, 3, workers=1)
    synth.write_dataset(tmp_path, 1, 0, 4, workers=1, overwrite=True)
    found = sorted(path.name for path in tmp_path.iterdir())
    assert found == sorted([places.TRAIN_INPUT, places.TRAIN_GT, datasets.CSV_NAME])
    assert len(synth.read_parameters(tmp_path, places.TRAIN_INPUT)) == 1
    assert synth.read_parameters(tmp_path, places.TEST_INPUT) is None


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "\xff\xfe"])
def test_a_table_of_another_kind_is_named(tmp_path, text):
    (tmp_path / datasets.CSV_NAME).write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match="true_parameters.csv: found no such table"):
        synth.read_parameters(tmp_path, places.TRAIN_INPUT)


def test_bad_parameters_are_named_and_existing_data_survives(dataset, tmp_path):
    before = {path: path.read_bytes() for path in dataset.iterdir()}
    with pytest.raises(FileExistsError, match="found a file, expected none"):
        synth.write_dataset(dataset, 1, 0, 1)
    assert before == {path: path.read_bytes() for path in dataset.iterdir()}
    for words, arguments, options in (
        ("test", (1, 1.5, 1), {}),
        ("at least one", (0, 0, 1), {}),
        ("preset", (1, 1, 1), {"preset": "sunny"}),
        ("split", (1, 1, 1), {"train_split": "exam"}),
    ):
        with pytest.raises(ValueError, match=words):
            synth.write_dataset(tmp_path, *arguments, **options)
    assert os.listdir(str(tmp_path)) == []
