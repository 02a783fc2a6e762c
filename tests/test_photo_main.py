"""The command line on photographs, as someone types it who knows nothing else."""

import os
import stat

import megengine.module as M
import numpy as np
import pytest
import tifffile
from photo_files import make_photo

from rawkit import open_patches, write_patches
from rawkit.cli.main import main
from rawkit.nn import Baseline, save_model
from rawkit.photo import is_photo, read_photo, reading, write_dng
from rawkit.photo import tags as t
from rawkit.places import ROOT


@pytest.fixture
def files(tmp_path, rng):
    mosaic = np.clip(rng.normal(3000, 60, (101, 120)), 0, 16383).astype(np.uint16)
    write_dng(tmp_path / "in.dng", make_photo(mosaic, "GRBG", (1, 3, 97, 120)))
    (tmp_path / "in.dng").rename(tmp_path / "photo.NEF")  # content decides, not the name
    return tmp_path


def run(*arguments):
    return main([str(a) for a in arguments])


def fails(capsys, *arguments):
    """Run a command that must fail; return its one line."""
    assert run(*arguments) == 2
    out, err = capsys.readouterr()
    assert "Traceback" not in err and out == ""
    lines = [line for line in err.splitlines() if line.startswith("rawkit ")]
    assert len(lines) == 1
    return lines[0]


def test_a_photograph_becomes_a_dng(capsys, files):
    before = (files / "photo.NEF").read_bytes()
    assert run("denoise", files / "photo.NEF", files / "out.dng", "--strength", "0.8") == 0
    assert "out.dng: 120 x 101 pixels" in capsys.readouterr().out
    source, found = read_photo(files / "photo.NEF"), read_photo(files / "out.dng")
    assert found.phase == "GRBG" and found.active == source.active
    assert found.mosaic[1:97, 3:].std() < 0.6 * source.mosaic[1:97, 3:].std()
    assert (files / "photo.NEF").read_bytes() == before


def test_your_own_weights_are_used(capsys, files):
    model = Baseline()
    for parameter in model.parameters():
        M.init.zeros_(parameter)
    save_model(files / "weights", model)
    out = files / "out.dng"
    assert run("denoise", files / "photo.NEF", out, "--weights", files / "weights") == 0
    assert read_photo(out).mosaic[10:90, 10:110].max() == 0


def test_info_tells_what_was_found(capsys):
    assert run("info", ROOT / "data" / "photo" / "sample.dng") == 0
    out = capsys.readouterr().out
    for words in (
        "camera: rawkit made-up camera, ISO 6400, 1/30 s, f/2.8",
        "1287 x 967 stored, 1280 x 960 seen from column 7, row 7; GRBG",
        "black 512, white 16383 (14 bits)",
        "white balance: red 1.92, green 1.00, blue 1.52",
        "variance = 0.000473 x + 2.01e-06, in the file",
    ):
        assert words in out


def test_patch_files_go_the_old_way(capsys, files, patches):
    write_patches(files / "in.bin", patches)
    save_model(files / "weights", Baseline())
    assert not is_photo(files / "in.bin")
    assert run("denoise", files / "in.bin", files / "o.bin", "--weights", files / "weights") == 0
    assert open_patches(files / "o.bin").shape == patches.shape
    capsys.readouterr()
    line = fails(capsys, "denoise", files / "in.bin", files / "p.bin", "--strength", "0.5")
    assert "expected a raw photograph" in line and not (files / "p.bin").exists()


def test_outputs_are_never_written_over(capsys, files):
    photo = files / "photo.NEF"
    (files / "there.dng").write_bytes(b"something")
    for words, out in {
        "there.dng: found a file, expected none": files / "there.dng",
        "photo.NEF: found the input itself": photo,
        "found the ending '.jpg', expected .dng": files / "out.jpg",
        "found a folder that cannot be written": files / "there.dng" / "out.dng",
    }.items():
        before = photo.read_bytes()
        assert words in fails(capsys, "denoise", photo, out)
        assert photo.read_bytes() == before
    assert (files / "there.dng").read_bytes() == b"something"
    for words, options in {
        "strength 1.5": ["--strength", "1.5"],
        "--self-ensemble is for patches": ["--self-ensemble"],
        "--overwrite is for patches: choose another name": ["--overwrite"],
        "none: found no file": ["--weights", files / "none"],
    }.items():
        assert words in fails(capsys, "denoise", photo, files / "out.dng", *options)
    assert sorted(p.name for p in files.iterdir()) == ["photo.NEF", "there.dng"]


def tiff(path, mosaic, photometric, *extra):
    """A DNG that lacks something, or has what cannot be used."""
    tags = {
        33421: (3, 2, (2, 2)),
        33422: (1, 4, bytes([0, 1, 1, 2])),
        t.DNG_VERSION: (1, 4, bytes([1, 4, 0, 0])),
        t.WHITE: (4, 1, 4000),
        t.COLOR_MATRIX: (10, 9, (1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1)),
    }
    tags.update(dict(extra))
    entries = [(code,) + tag + (True,) for code, tag in tags.items() if tag]
    tifffile.imwrite(str(path), mosaic, photometric=photometric, extratags=entries)


def test_what_holds_no_bayer_mosaic_is_named(capsys, tmp_path, rng):
    grey = rng.integers(0, 4000, (66, 66)).astype(np.uint16)
    six = bytes(rng.integers(0, 3, 36).astype(np.uint8))
    tiff(tmp_path / "xtrans.dng", grey, t.CFA, (33421, (3, 2, (6, 6))), (33422, (1, 36, six)))
    tiff(tmp_path / "linear.dng", np.stack([grey] * 3, -1), t.LINEAR_RAW)
    tiff(tmp_path / "mono.dng", grey, 1)
    tiff(tmp_path / "float.dng", grey.astype(np.float32), t.CFA)
    tiff(tmp_path / "matrix.dng", grey, t.CFA, (t.COLOR_MATRIX, None))
    tiff(tmp_path / "white.dng", grey, t.CFA, (t.BLACK, (4, 1, 5000)))
    tiff(tmp_path / "area.dng", grey, t.CFA, (t.ACTIVE_AREA, (4, 4, (0, 0, 90, 66))))
    tiff(tmp_path / "cut.dng", grey, t.CFA)
    data = (tmp_path / "cut.dng").read_bytes()
    (tmp_path / "cut.dng").write_bytes(data[: len(data) // 2])
    (tmp_path / "header.dng").write_bytes(data[:40])
    (tmp_path / "picture.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(200))
    (tmp_path / "foveon.x3f").write_bytes(b"FOVb" + bytes(1000))
    (tmp_path / "empty.nef").write_bytes(b"MM\x00\x2a" + bytes(500))
    for name, words in {
        "xtrans.dng": "found a colour pattern of 6 x 6",
        "linear.dng": "found a linear (already demosaiced) DNG",
        "mono.dng": "found no mosaic",
        "float.dng": "found samples that are no whole numbers",
        "matrix.dng": "found no colour matrix",
        "white.dng": "expected black below white",
        "area.dng": "outside of 66 x 66 pixels",
        "cut.dng": "the file is truncated",
        "header.dng": "expected a raw file with a Bayer mosaic",
        "picture.jpg": "found a JPEG",
        "foveon.x3f": "expected a raw file with a Bayer mosaic",
        "empty.nef": "expected a raw file with a Bayer mosaic",
    }.items():
        for command in (["info"], ["denoise"]):
            out = [tmp_path / "out.dng"] if command == ["denoise"] else []
            line = fails(capsys, *(command + [tmp_path / name] + out))
            assert words in line and name in line
    assert not (tmp_path / "out.dng").exists()


def test_several_values_a_pixel_are_named_by_libraw_too(tmp_path, rng):
    """sRAW comes to us as LibRaw sees a linear DNG: no single value a pixel."""
    pytest.importorskip("rawpy")
    grey = rng.integers(0, 4000, (66, 66)).astype(np.uint16)
    tiff(tmp_path / "sraw.dng", np.stack([grey] * 3, -1), t.LINEAR_RAW)
    with pytest.raises(ValueError, match="found several values a pixel"):
        reading._read_other(tmp_path / "sraw.dng", None)


def test_files_that_cannot_be_read_or_are_none(capsys, files):
    assert "found no file" in fails(capsys, "denoise", files / "no.dng", files / "out.dng")
    assert "found a folder" in fails(capsys, "denoise", files, files / "out.dng")
    locked = files / "photo.NEF"
    locked.chmod(0)
    if not os.access(str(locked), os.R_OK):  # root reads everything
        assert "cannot be read" in fails(capsys, "info", locked)
    locked.chmod(stat.S_IRUSR | stat.S_IWUSR)


def test_permission_errors_are_one_line(capsys, files, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(reading, "open", refuse, raising=False)
    line = fails(capsys, "denoise", files / "photo.NEF", files / "out.dng")
    assert "photo.NEF: found a file that cannot be read (Permission denied)" in line


def test_without_rawpy_only_uncompressed_dng_is_read(capsys, files, monkeypatch):
    monkeypatch.setattr(reading, "rawpy", None)
    assert run("denoise", files / "photo.NEF", files / "out.dng") == 0
    capsys.readouterr()
    (files / "other.raf").write_bytes(b"FUJIFILMCCD-RAW 0201" + bytes(500))
    line = fails(capsys, "info", files / "other.raf")
    assert "expected uncompressed DNG" in line and "pip install rawpy" in line


def test_a_black_frame_is_described_and_named(capsys, tmp_path):
    photo = write_dng(tmp_path / "black.dng", make_photo(np.full((64, 64), 512, np.uint16)))
    assert run("info", photo) == 0
    assert "64 x 64" in capsys.readouterr().out
    message = fails(capsys, "denoise", photo, tmp_path / "out.dng")
    assert "black.dng: found a frame that tells nothing" in message
    assert not (tmp_path / "out.dng").exists()
