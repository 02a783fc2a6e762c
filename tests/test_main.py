import os
import shlex
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from rawkit import megcup_score, open_patches, places, write_patches
from rawkit.cli.main import main
from rawkit.nn.networks import Baseline
from rawkit.nn.weights import save_model


@pytest.fixture
def files(tmp_path, patches):
    noise = np.random.default_rng(1).normal(0, 300, patches.shape)
    noisy = np.clip(patches + noise, 0, 65535).astype(np.uint16)
    write_patches(tmp_path / "gt.bin", patches)
    write_patches(tmp_path / "noisy.bin", noisy)
    save_model(tmp_path / "weights", Baseline())
    return tmp_path


def test_score_is_on_the_last_line(capsys, files):
    assert main(["score", str(files / "noisy.bin"), str(files / "gt.bin")]) == 0
    expected = megcup_score(open_patches(files / "noisy.bin"), open_patches(files / "gt.bin"))
    assert capsys.readouterr().out.splitlines()[-1] == f"score {expected:.4f}"


def test_score_wonders_at_noisy_ground_truth(capsys, files):
    (files / places.TEST_INPUT).write_bytes((files / "noisy.bin").read_bytes())
    assert main(["score", str(files / "gt.bin"), str(files / places.TEST_INPUT)]) == 0
    out, err = capsys.readouterr()
    assert "warning" in err and places.TEST_GT in err and "score " in out
    (files / places.TEST_GT).write_bytes((files / "gt.bin").read_bytes())
    assert main(["score", str(files / "noisy.bin"), str(files / places.TEST_GT)]) == 0
    assert "warning" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "name, value, told",
    [
        ("RAWKIT_DATA", "data/photo", "data/photo (RAWKIT_DATA is set): found no such file"),
        ("RAWKIT_PHOTO", "nowhere.NEF", "nowhere.NEF: found no file"),
        ("RAWKIT_PHOTE", "photo.NEF", "RAWKIT_PHOTE: not known, expected one of RAWKIT_DATA, "),
        ("RAWKIT_RUN", "Full", "RAWKIT_RUN: found 'Full', expected quick or full"),
        ("RAWKIT_OUTPUTS", __file__, f"{__file__}: found a folder that cannot be written"),
    ],
)
def test_a_typo_costs_no_page_of_an_earlier_run(name, value, told, tmp_path, monkeypatch, fails):
    monkeypatch.setenv("RAWKIT_OUTPUTS", str(tmp_path / "outputs"))
    monkeypatch.setenv(name, value)
    line = fails("notebooks", "01")
    assert told in line and not (tmp_path / "outputs").exists()


@pytest.mark.parametrize("content", [b"", b"<html>404</html>"])
def test_what_a_raw_file_ending_promises_is_asked_for(content, fails, tmp_path):
    photo = tmp_path / "photo.NEF"
    photo.write_bytes(content)
    told = f"photo.NEF: found {len(content)} bytes that are no raw photograph"
    assert told in fails("info", photo)
    assert told in fails("denoise", photo, tmp_path / "out.bin")


def test_denoise_writes_over_nothing(fails, files):
    """Neither the input nor another file, unless told to."""
    before = (files / "noisy.bin").read_bytes()
    (files / "mine.bin").write_text("mine")
    command = ["denoise", files / "noisy.bin"]
    assert "found the input itself" in fails(*command, files / "noisy.bin", "--overwrite")
    assert "mine.bin: found a file, expected none" in fails(*command, files / "mine.bin")
    assert "found no raw photograph, expected one to write" in fails(*command, files / "p.dng")
    os.mkfifo(str(files / "pipe"))
    for out in (files, files / "pipe", "/dev/null"):
        assert "expected the name of a file" in fails(*command, out)
    assert (files / "noisy.bin").read_bytes() == before
    assert (files / "mine.bin").read_text() == "mine"
    options = ["--weights", files / "weights", "--overwrite"]
    assert main([str(a) for a in command + [files / "mine.bin"] + options]) == 0
    assert open_patches(files / "mine.bin").shape == (3, 256, 256)


def test_info_tells_what_is_there(capsys, files):
    for path, words in (
        (files / "noisy.bin", "noisy.bin: 3 patches of 256 x 256 uint16, 0.4 MiB"),
        (places.ROOT / "data", "competition_train_input.0.2.bin: 32 patches"),
    ):
        assert main(["info", str(path)]) == 0
        assert words in capsys.readouterr().out


def test_faults_are_named(fails, files, patches):
    (files / "short.bin").write_bytes(bytes(1000))
    write_patches(files / "two.bin", patches[:2])
    write_patches(files / "black.bin", np.zeros_like(patches))
    for words, arguments in {
        "short.bin: found 1,000 bytes": ["info", files / "short.bin"],
        "none.bin: found no file": ["score", files / "none.bin", files / "gt.bin"],
        "two.bin: found 2 patches, expected 3": ["score", files / "two.bin", files / "gt.bin"],
        "black.bin: patch 0 of gt has mean 0": ["score", files / "gt.bin", files / "black.bin"],
        "none: found no file": [
            "denoise", files / "gt.bin", files / "o.bin", "--weights", files / "none",
        ],
        "gt.bin: found no readable weights": [
            "denoise", files / "gt.bin", files / "o.bin", "--weights", files / "gt.bin",
        ],
        "found a folder that cannot be written": [
            "denoise", files / "gt.bin", files / "gt.bin" / "o.bin", "--weights", files / "weights",
        ],
        "found no competition file, expected": ["info", files],
    }.items():  # fmt: skip
        assert words in fails(*arguments)
    assert not (files / "o.bin").exists()


def test_a_network_that_answers_nan_leaves_the_old_result(fails, files):
    model = Baseline()
    model.conv6[0].bias[:] = float("nan")
    save_model(files / "nan", model)
    before = (files / "noisy.bin").read_bytes()
    command = ["denoise", files / "gt.bin", files / "noisy.bin", "--overwrite"]
    assert "NaN" in fails(*command, "--weights", files / "nan")
    assert (files / "noisy.bin").read_bytes() == before


def shell(line):
    """Run a line of bash, `rawkit` standing for the program; its status and stderr."""
    line = line.replace("rawkit", f"{shlex.quote(sys.executable)} -m rawkit")
    found = subprocess.run(["bash", "-c", line], cwd=str(places.ROOT), stderr=subprocess.PIPE)
    return found.returncode, found.stderr.decode()


@pytest.mark.parametrize(
    "line, expected",
    [
        ("rawkit info data | true; exit ${PIPESTATUS[0]}", (0, "")),
        ("rawkit info data >&- 2>&- <&-", (0, "")),
        ("rawkit info data > /dev/full", (2, "rawkit info: No space left on device\n")),
        ("PYTHONWARNINGS=error rawkit info data > /dev/null", (0, "")),
    ],
)
def test_streams_of_any_kind_end_in_a_status_and_a_line(line, expected):
    assert shell(line) == expected


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_command_quietly_with_its_status(number, tmp_path, start):
    child = start("-m", "rawkit", "synth", tmp_path, "--train", 4000)
    while not list(tmp_path.glob(".rawkit-*")):
        time.sleep(0.1)
    child.send_signal(number)
    assert child.communicate()[1].decode().count("Traceback") == 0
    assert child.returncode == 128 + number
    assert os.listdir(str(tmp_path)) == []


@pytest.mark.parametrize("module, number", [("numpy", 2), ("megengine", 15)])
def test_a_signal_while_modules_are_imported_is_quiet_too(module, number, files, start):
    """Also where the module makes an error of its own of it."""
    code = f"import os\ntry:\n    os.kill(os.getpid(), {int(number)})\n    os.getpid()\n"
    code += "except KeyboardInterrupt:\n    raise AttributeError\n"
    (files / (module + ".py")).write_text(code)
    command = "-m", "rawkit", "denoise", files / "noisy.bin", files / "out.bin"
    child = start(*command, PYTHONPATH=files)
    assert child.communicate()[1] == b""
    assert child.returncode == 128 + number


def test_a_full_disk_is_told_on_a_line_of_its_own(files, tmp_path):
    """And not behind the progress bar."""
    command = f"denoise {files}/noisy.bin {tmp_path}/o.bin --weights {files}/weights"
    status, errors = shell(f"ulimit -f 100; rawkit {command}")
    last = errors.replace("\r", "\n").splitlines()[-1]
    assert (status, last[:15]) == (2, "rawkit denoise:") and "o.bin: found no room" in last


def test_swapped_files_are_asked_after(capsys):
    folder = places.ROOT / "data"
    noisy, clean = (str(folder / name) for name in (places.TEST_INPUT, places.TEST_GT))
    assert main(["check", clean, noisy]) == 0
    assert capsys.readouterr() == (f"{clean}: a valid answer to {noisy}\n", "")
    assert main(["check", noisy, clean]) == 0
    out, err = capsys.readouterr()
    assert "16 of 16 patches" in err and err.endswith("are the two files swapped?\n")
    assert out == f"{noisy}: a valid answer to {clean}, in form: see the warning\n"


def test_without_a_command_all_are_listed(capsys):
    assert main([]) == 2
    assert "denoise patches, or raw photographs" in capsys.readouterr().err
