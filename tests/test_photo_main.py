"""The command line on photographs, as someone types it who knows nothing else."""

import os

import megengine.module as M
import numpy as np
import pytest
from photo_files import make_photo, write_tiff

from rawkit import open_patches, write_patches
from rawkit.cli.main import main
from rawkit.nn import Baseline, save_model
from rawkit.photo import Metadata, is_photo, read_photo, write_dng
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


def test_a_photograph_becomes_a_dng(capsys, files):
    before = (files / "photo.NEF").read_bytes()
    assert run("denoise", files / "photo.NEF", files / "out.dng", "--strength", "0.8") == 0
    assert "out.dng: 120 x 101 pixels" in capsys.readouterr().out
    source, found = read_photo(files / "photo.NEF"), read_photo(files / "out.dng")
    assert found.phase == "GRBG" and found.active == source.active
    assert found.mosaic[1:97, 3:].std() < 0.6 * source.mosaic[1:97, 3:].std()
    np.testing.assert_array_equal(found.mosaic[:, :3], source.mosaic[:, :3])  # masked: as it was
    assert (files / "photo.NEF").read_bytes() == before


def test_your_own_weights_are_used_and_must_keep_the_law(fails, files):
    model = Baseline()  # which answers black
    for parameter in model.parameters():
        M.init.zeros_(parameter)
    save_model(files / "w.safetensors", model)
    command = ["denoise", files / "photo.NEF", files / "out.dng", "--strength", "1.5"]
    line = fails(*command, "--weights", files / "w.safetensors")
    assert "photo.NEF: denoising would move a local mean" in line and "codes" in line
    assert not (files / "out.dng").exists()


def test_info_tells_what_was_found(capsys):
    assert run("info", ROOT / "data" / "photo" / "sample.dng") == 0
    out = capsys.readouterr().out
    for words in (
        "camera: Canon EOS Kiss X4",
        "1080 x 660 stored, 1080 x 660 seen from column 0, row 0; RGGB",
        "black 2056, white 15000 (14 bits)",
        "white balance: red 2.48, green 1.00, blue 1.69",
        "variance = 0.000157 x + 7.97e-07, measured",
    ):
        assert words in out


def test_patch_files_go_the_old_way(capsys, files, patches, fails):
    write_patches(files / "in.bin", patches)
    save_model(files / "weights", Baseline())
    assert not is_photo(files / "in.bin")
    assert run("denoise", files / "in.bin", files / "o.bin", "--weights", files / "weights") == 0
    assert open_patches(files / "o.bin").shape == patches.shape
    capsys.readouterr()
    line = fails("denoise", files / "in.bin", files / "p.bin", "--strength", "0.5")
    assert "expected a raw photograph" in line and not (files / "p.bin").exists()


def test_outputs_are_never_written_over(fails, files):
    photo = files / "photo.NEF"
    (files / "there.dng").write_bytes(b"something")
    for words, out in {
        "there.dng: found a file, expected none": files / "there.dng",
        "photo.NEF: found the input itself": photo,
        "found the ending '.jpg', expected .dng": files / "out.jpg",
        "found a folder that cannot be written": files / "there.dng" / "out.dng",
    }.items():
        before = photo.read_bytes()
        assert words in fails("denoise", photo, out)
        assert photo.read_bytes() == before
    assert (files / "there.dng").read_bytes() == b"something"
    for words, options in {
        "--strength: found 2.5": ["--strength", "2.5"],
        "--self-ensemble: found photographs": ["--self-ensemble"],
        "none: found no file": ["--weights", files / "none"],
    }.items():
        assert words in fails("denoise", photo, files / "out.dng", *options)
    assert sorted(p.name for p in files.iterdir()) == ["photo.NEF", "there.dng"]


def test_what_holds_no_bayer_mosaic_is_named(fails, tmp_path, rng):
    gray = rng.integers(0, 4000, (66, 66)).astype(np.uint16)
    six = bytes(rng.integers(0, 3, 36).astype(np.uint8))
    write_tiff(tmp_path / "xtrans.dng", gray, t.CFA, (33421, (3, 2, (6, 6))), (33422, (1, 36, six)))
    write_tiff(tmp_path / "linear.dng", np.stack([gray] * 3, -1), t.LINEAR_RAW)
    write_tiff(tmp_path / "mono.dng", gray, 1)
    write_tiff(tmp_path / "float.dng", gray.astype(np.float32), t.CFA)
    write_tiff(tmp_path / "white.dng", gray, t.CFA, (t.BLACK, (4, 1, 5000)))
    whole = (tmp_path / "white.dng").read_bytes()
    (tmp_path / "cut.dng").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "picture.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(200))
    (tmp_path / "empty.nef").write_bytes(b"MM\x00\x2a" + bytes(500))
    for name, words in {
        "xtrans.dng": "color pattern",
        "linear.dng": "found no mosaic (linear, monochrome, or of floats)",
        "mono.dng": "found no mosaic",
        "float.dng": "found no mosaic",
        "white.dng": "whose black is below white",
        "cut.dng": "the file is truncated",
        "picture.jpg": "found a JPEG",
        "empty.nef": "expected a raw file with a Bayer mosaic",
    }.items():
        for command, *out in (["info"], ["denoise", tmp_path / "out.dng"]):
            line = fails(command, tmp_path / name, *out)
            assert words in line and name in line
    assert not (tmp_path / "out.dng").exists()


def test_files_that_cannot_be_read_or_are_none(fails, files):
    assert "found no file" in fails("denoise", files / "no.dng", files / "out.dng")
    assert "for 1 inputs, expected a folder" in fails("denoise", files, files / "out.dng")
    assert "expected OUT or --to FOLDER" in fails("denoise", files / "photo.NEF")
    (files / "photo.NEF").chmod(0)
    if os.geteuid():  # root reads everything
        assert "photo.NEF: Permission denied" in fails("info", files / "photo.NEF")


def test_a_black_frame_is_described_and_named(capsys, tmp_path, fails):
    photo = write_dng(tmp_path / "black.dng", make_photo(np.full((64, 64), 512, np.uint16)))
    assert run("info", photo) == 0
    assert "64 x 64" in capsys.readouterr().out
    message = fails("denoise", photo, tmp_path / "out.dng")
    assert "black.dng: no noise estimate was possible" in message
    assert not (tmp_path / "out.dng").exists()


def test_a_file_without_matrix_and_white_balance_is_written_and_says_so(capsys, tmp_path, rng):
    light = np.array([[900, 1500], [1500, 600]])  # what a gray wall looks like to this camera
    codes = np.tile(light, (48, 48)) + rng.normal(0, 20, (96, 96))
    write_tiff(tmp_path / "old.dng", codes.astype(np.uint16), t.CFA, (t.COLOR_MATRIX, None))
    assert run("denoise", tmp_path / "old.dng", tmp_path / "out.dng") == 0
    err = capsys.readouterr().err
    assert "old.dng: no white balance in the file" in err and "colors are approximate" in err
    found = read_photo(tmp_path / "out.dng")
    np.testing.assert_allclose(found.white_balance, [0.6, 1, 0.4], atol=0.01)
    assert found.color_matrix.any()


@pytest.fixture
def folder(tmp_path, rng):
    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        mosaic = np.clip(rng.normal(3000, 60, (96, 120)), 0, 16383).astype(np.uint16)
        write_dng(tmp_path / "in" / f"{name}.dng", make_photo(mosaic))
    (tmp_path / "in" / "broken.nef").write_bytes(b"MM\x00\x2a" + bytes(500))
    (tmp_path / "in" / "readme.txt").write_text("no photograph")
    os.utime(str(tmp_path / "in" / "a.dng"), (10**9, 10**9))
    return tmp_path


def test_many_at_once_go_on_over_those_that_fail(capsys, folder):
    assert run("denoise", folder / "in", "--to", folder / "out") == 2
    out, err = capsys.readouterr()
    assert "a_denoised.dng: 120 x 96" in out and "b_denoised.dng" in out and "\r" not in err
    assert "broken.nef: found a file that is damaged" in err
    assert err.splitlines()[-1].endswith("found 1 of 3 files that were not denoised")
    done = folder / "out" / "a_denoised.dng"
    assert sorted(os.listdir(str(folder / "out"))) == ["a_denoised.dng", "b_denoised.dng"]
    assert done.stat().st_mtime == 10**9  # as the source's
    # again: nothing is left to do, and what we wrote is no source
    before = done.read_bytes()
    assert run("denoise", folder / "in", folder / "out", "--to", folder / "out") == 2
    err = capsys.readouterr().err
    assert "is there (--overwrite replaces it)" in err
    assert "a_denoised.dng: skipped, denoised already" in err
    assert done.read_bytes() == before


@pytest.mark.parametrize("coding", ["utf-8", "latin-1"])
def test_a_name_that_is_not_ascii_costs_no_photograph(tmp_path, rng, coding):
    gray, text = rng.normal(2000, 30, (66, 66)).astype(np.uint16), "José ©\0".encode(coding)
    names = [(code, (2, len(text), text)) for code in (315, 50708)]
    write_tiff(tmp_path / "a.dng", gray, t.CFA, *names)
    assert run("denoise", tmp_path / "a.dng", tmp_path / "b.dng") == 0
    assert read_photo(tmp_path / "b.dng").metadata.exif["Exif.Image.Artist"] == "José ©"


def test_metadata_survives(tmp_path, rng):
    """Lens, place, subject and the rest of Exif, XMP and IPTC, also in Adobe's eyes."""
    exif = {
        "Exif.Photo.LensModel": "50mm f/1.8",
        "Exif.Photo.SubSecTimeOriginal": "42",
        "Exif.Photo.OffsetTimeOriginal": "+02:00",
        "Exif.Photo.ExposureBiasValue": "-1/3",
        "Exif.Photo.BodySerialNumber": "0815",
        "Exif.GPSInfo.GPSLatitudeRef": "N",
        "Exif.GPSInfo.GPSLatitude": "52/1 31/1 12/1",
        "Exif.Image.StripOffsets": "77",  # of the source's pixels: stays out
        "Exif.Thumbnail.Compression": "6",
    }
    iptc = {"Iptc.Application2.Keywords": ["night", "Nürnberg"]}
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-'
        'syntax-ns#"><rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4"/>'
        "</rdf:RDF></x:xmpmeta>"
    )
    mosaic = rng.integers(0, 4096, (64, 84)).astype(np.uint16)
    photo = make_photo(mosaic, metadata=Metadata(exif, iptc, packet))
    found = read_photo(write_dng(tmp_path / "a.dng", photo))
    np.testing.assert_array_equal(found.mosaic, mosaic)
    for key in set(exif) - {"Exif.Image.StripOffsets", "Exif.Thumbnail.Compression"}:
        assert found.metadata.exif[key] == exif[key], key
    assert found.metadata.exif["Exif.Image.StripOffsets"] != "77"
    assert found.metadata.iptc == iptc and "Rating" in found.metadata.xmp
