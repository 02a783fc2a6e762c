"""Where data and outputs are found, and files that are whole or absent."""

import os
import subprocess
import sys

import pytest

from rawkit import find_dataset, is_full_run, outputs_folder, places, write_patches


def test_the_dataset_is_found_and_the_reason_told(tmp_path, monkeypatch, patches):
    monkeypatch.setattr(places, "MEGSTUDIO", tmp_path / "megstudio")
    embedded = places.ROOT / "data"
    assert find_dataset() == (embedded, "RAWKIT_DATA is not set: the tiny synthetic set")
    platform = tmp_path / "megstudio" / "dataset" / "burst_raw"
    write_patches(platform / places.TEST_INPUT, patches)
    assert find_dataset().folder == platform

    write_patches(tmp_path / "mine" / places.TRAIN_INPUT, patches)
    monkeypatch.setenv("RAWKIT_DATA", str(tmp_path / "mine"))
    assert find_dataset() == (tmp_path / "mine", "RAWKIT_DATA is set")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RAWKIT_DATA", "data")
    assert find_dataset().folder == embedded, "relative ones count from the checkout"


def test_a_dataset_folder_without_data_is_named(monkeypatch, tmp_path):
    for folder, words in ((tmp_path, "no such file"), (tmp_path / "none", "no folder")):
        monkeypatch.setenv("RAWKIT_DATA", str(folder))
        with pytest.raises(FileNotFoundError, match="RAWKIT_DATA is set.*found " + words):
            find_dataset()


def test_outputs_go_to_megstudios_workspace_where_it_exists(monkeypatch, tmp_path):
    monkeypatch.delenv("RAWKIT_OUTPUTS")
    monkeypatch.setattr(places, "MEGSTUDIO", tmp_path)
    assert outputs_folder() == places.ROOT / "outputs"
    (tmp_path / "workspace").mkdir()
    assert outputs_folder() == tmp_path / "workspace"


def test_the_run_is_quick_or_full(monkeypatch):
    for value, full in (("", False), ("quick", False), ("full", True)):
        monkeypatch.setenv("RAWKIT_RUN", value)
        assert is_full_run() is full


def test_importing_rawkit_is_light():
    heavy = "megengine matplotlib PIL skimage scipy pandas".split()
    program = f"import sys, rawkit; print([m for m in sys.modules if m in {heavy}])"
    found = subprocess.check_output([sys.executable, "-c", program], cwd=str(places.ROOT))
    assert found.decode().strip() == "[]"


def test_two_writers_at_once_leave_one_whole_file(tmp_path):
    with places.atomic_file(tmp_path / "a") as first:
        first.write(b"1")
        with places.atomic_file(tmp_path / "a") as second:
            second.write(b"2")
    assert os.listdir(str(tmp_path)) == ["a"] and (tmp_path / "a").read_bytes() == b"1"


def test_a_long_name_is_written_and_a_longer_one_named(tmp_path):
    for name in ("a" * 249, "a" * 255):
        with places.atomic_file(tmp_path / name) as file:
            file.write(b"1")
        assert (tmp_path / name).read_bytes() == b"1"
    with pytest.raises(OSError, match="File name too long: '.*aaa'"):
        places.check_output(tmp_path / ("a" * 256))


@pytest.mark.parametrize("folder", ["file", "file/below", "/proc/none"])
def test_a_folder_that_cannot_be_written_is_named_before_the_work(folder, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    path = tmp_path / folder / "out.bin"
    for check in (places.check_output, lambda p: places.run_lock(p).__enter__()):
        with pytest.raises(OSError, match=f"{path.parent}: found a folder that cannot be written"):
            check(path)


def test_a_second_run_is_refused_until_the_first_has_ended(tmp_path):
    with places.run_lock(tmp_path / "x"):
        with pytest.raises(OSError, match="x: found another run at work on it"):
            with places.run_lock(tmp_path / "x"):
                pass
    with places.run_lock(tmp_path / "x"):
        pass
    assert os.listdir(str(tmp_path)) == []


def test_of_a_link_the_file_behind_it_is_written(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with places.atomic_file(tmp_path / "link") as file:
        file.write(b"1")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "file").read_bytes() == b"1"
