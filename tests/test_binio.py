import os
import subprocess
import sys

import numpy as np
import pytest

from rawkit import binio, open_pairs, open_patches, places, split_pairs, write_patches


def test_what_is_written_is_read_back(tmp_path, patches):
    pieces = (patches[i : i + 2].astype(">u2") for i in (0, 2))
    path = write_patches(tmp_path / "new" / "a.bin", pieces)
    assert path.read_bytes() == patches.astype("<u2").tobytes()
    opened = open_patches(path)
    assert opened.dtype == np.dtype("<u2") and not opened.flags.writeable
    np.testing.assert_array_equal(opened, patches)


@pytest.mark.parametrize("size", [0, 1, binio.PATCH_BYTES - 2, 3 * binio.PATCH_BYTES + 1])
def test_files_of_a_wrong_size_are_named(tmp_path, size):
    path = tmp_path / "short.bin"
    path.write_bytes(bytes(size))
    with pytest.raises(ValueError, match=rf"short\.bin: found {size:,} bytes.*131,072"):
        open_patches(path)


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.bin: found no file"):
        open_patches(tmp_path / "none.bin")
    with pytest.raises(FileNotFoundError, match="found a folder"):
        open_patches(tmp_path)


def test_a_write_that_is_refused_or_breaks_off_leaves_the_old_file(tmp_path, patches):
    path = write_patches(tmp_path / "result.bin", patches)
    for shape, dtype in (((1, 256, 256), "f4"), ((256, 256), "u2"), ((0, 256, 256), "u2")):
        with pytest.raises(ValueError, match="result.bin: found"):
            write_patches(path, np.zeros(shape, dtype))

    def breaks():
        yield patches
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_patches(path, breaks())
    np.testing.assert_array_equal(open_patches(path), patches)
    assert os.listdir(str(tmp_path)) == ["result.bin"]


@pytest.mark.parametrize("count, held_out", [(1, 0), (2, 1), (5, 1), (32, 8), (8192, 1024)])
def test_the_last_pairs_are_held_out_and_none_is_lost(count, held_out):
    noisy = np.arange(count)
    training, held = split_pairs(noisy, -noisy)
    assert len(held[0]) == held_out
    for found, whole in zip(zip(training, held), (noisy, -noisy)):
        np.testing.assert_array_equal(np.concatenate(found), whole)


def test_pairs_of_different_number_are_named(tmp_path, patches):
    write_patches(tmp_path / places.TRAIN_INPUT, patches)
    write_patches(tmp_path / places.TRAIN_GT, patches[:2])
    with pytest.raises(ValueError, match="found 2 patches, expected 3 as in"):
        open_pairs(tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs Linux's /proc")
def test_reading_a_gigabyte_holds_none_of_it(tmp_path):
    path = tmp_path / "large.bin"
    with open(str(path), "wb") as file:
        file.truncate(8192 * binio.PATCH_BYTES)  # sparse: takes no disk
    program = """if True:
        import re, sys
        from rawkit import open_patches
        def anonymous():
            return int(re.search(r"RssAnon:\\s+(\\d+)", open("/proc/self/status").read()).group(1))
        patches = open_patches(sys.argv[1])
        before = anonymous()
        total = sum(int(patch.max()) for patch in patches)
        print(len(patches), total, (anonymous() - before) // 1024)
    """
    command = [sys.executable, "-c", program, str(path)]
    count, total, grown = map(int, subprocess.check_output(command, cwd=str(places.ROOT)).split())
    assert (count, total) == (8192, 0)
    assert grown < 50, f"{grown} MiB"
