"""Every pixel survives the way in and out, and others read what we write."""

import errno
import os

import numpy as np
import pytest
import rawpy
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from photo_files import compress, make_photo, write_tiff
from PIL import Image

from rawkit.bayer import to_srgb
from rawkit.photo import from_rggb, read_photo, to_rggb, write_dng
from rawkit.photo import tags as t
from rawkit.photo.clipping import find_clip
from rawkit.photo.dng import SRGB_TO_XYZ, encode_dng
from rawkit.photo.frame import PHASES, active_view

MANY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@st.composite
def photos(draw):
    """Frames of every phase, odd and even active areas, depths, black levels, deltas."""
    bits = draw(st.integers(10, 16))
    white = 2**bits - 1 - draw(st.sampled_from([0, 7]))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    top, left, bottom, right = (draw(st.integers(0, 5)) for _ in range(4))
    height, width = (draw(st.integers(25, 44)) for _ in range(2))
    shape = top + height + bottom, left + width + right
    mosaic = rng.integers(0, min(white + 20, 65535), shape, endpoint=True).astype(np.uint16)
    black = rng.integers(0, white // 4, 4) if draw(st.booleans()) else white // 16 * np.ones(4)
    photo = make_photo(
        mosaic,
        draw(st.sampled_from(PHASES)),
        (top, left, top + height, left + width),
        black.reshape(2, 2) + draw(st.sampled_from([0, 0.25])),
        white,
        orientation=draw(st.integers(1, 8)),
    )
    if draw(st.booleans()):
        deltas = rng.integers(-3, 4, height) / 4.0, rng.integers(-3, 4, width) / 4.0
        photo = photo._replace(black_deltas=deltas)
    return photo


def replace(path, photo):
    if path.exists():
        path.unlink()
    return write_dng(path, photo)


@MANY
@given(photo=photos(), compressed=st.booleans())
def test_every_pixel_comes_back(tmp_path, photo, compressed):
    path = replace(tmp_path / "a.dng", photo)
    if compressed:
        compress(path)
    found = read_photo(path)
    rggb = to_rggb(found)
    assert rggb.dtype == np.float32 and rggb.shape[0] % 2 == rggb.shape[1] % 2 == 0
    again = read_photo(replace(tmp_path / "b.dng", from_rggb(found, rggb)))
    for one in (found, again):
        np.testing.assert_array_equal(one.mosaic, photo.mosaic)
        np.testing.assert_array_equal(one.black_level, photo.black_level)
        for name in ("active", "phase", "white_level", "orientation", "camera"):
            assert getattr(one, name) == getattr(photo, name), name
        for key, value in photo.metadata.exif.items():
            assert one.metadata.exif[key] == value
        np.testing.assert_allclose(one.color_matrix, photo.color_matrix, atol=1e-5)
        np.testing.assert_allclose(one.white_balance, photo.white_balance, atol=1e-5)
        for down, expected in zip(one.black_deltas, photo.black_deltas):
            np.testing.assert_array_equal(down, expected)


@MANY
@given(photo=photos())
def test_colors_land_where_they_belong(photo):
    """Each pixel of the RGGB mosaic is of the color that its place says."""
    top, left, bottom, right = photo.active
    y, x = np.mgrid[0 : bottom - top, 0 : right - left]
    colors = np.array(["RGB".index(c) for c in photo.phase]).reshape(2, 2)[y % 2, x % 2]
    mosaic = photo.mosaic.copy()
    active_view(photo, mosaic)[...] = 1000 + 100 * colors
    photo = photo._replace(
        mosaic=mosaic, black_level=np.full((2, 2), 100.0), black_deltas=(0 * y[:, 0], 0 * x[0])
    )
    codes = to_rggb(photo) * photo.white_level / 65535
    for place, color in (((0, 0), 0), ((0, 1), 1), ((1, 0), 1), ((1, 1), 2)):
        plane = codes[place[0] :: 2, place[1] :: 2]
        np.testing.assert_allclose(plane, 1000 + 100 * color, rtol=1e-5)


def test_black_levels_are_brought_together_and_signs_kept():
    mosaic = np.array([[90, 190], [210, 300]] * 2, np.uint16).repeat(2, 1)[:, [0, 2, 1, 3]]
    photo = make_photo(mosaic, black=[[100, 200], [200, 300]], white=1023)
    rggb = to_rggb(photo)
    offset = 65535 * 300 / 1023
    assert (rggb[0, 0] < offset) and (rggb[0, 1] < offset) and (rggb[1, 0] > offset)
    assert rggb[1, 1] == pytest.approx(offset)
    full = to_rggb(photo._replace(mosaic=np.full((4, 4), 1023, np.uint16)))
    np.testing.assert_allclose(full, 65535, rtol=1e-6)


def test_values_between_codes_keep_their_mean_and_make_no_steps():
    photo = make_photo(np.full((256, 256), 600, np.uint16))
    scale = 65535 / 16383.0
    rggb = to_rggb(photo) + np.float32(0.3 * scale)
    codes = from_rggb(photo, rggb).mosaic
    assert set(np.unique(codes)) == {600, 601}
    assert codes.mean() == pytest.approx(600.3, abs=0.01)


def test_what_was_clipped_stays_if_it_still_is_and_nothing_passes_white():
    mosaic = np.full((64, 64), 1000, np.uint16)
    mosaic[:8] = 15000  # clips below the white level that the file claims
    photo = make_photo(mosaic)
    clip = find_clip(photo)
    assert (clip.level == 15000).all() and clip.found.all()
    rggb = to_rggb(photo)
    rggb[8:] *= np.float32(0.9)
    changed = from_rggb(photo, rggb, clip)
    assert (changed.mosaic[:8] == 15000).all() and (changed.mosaic[8:] < 1000).all()
    dimmed = from_rggb(photo, to_rggb(photo) * np.float32(0.9), clip)  # by a network that knows
    assert (dimmed.mosaic[:8] < 15000).all()
    assert from_rggb(photo, to_rggb(photo) + np.float32(65535), clip).mosaic.max() == 16383


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("area", [(0, 0, 60, 80), (3, 2, 60, 81), (2, 5, 61, 80)])
def test_adobes_code_and_libraw_see_what_went_in(tmp_path, capfd, rng, phase, area):
    mosaic = rng.integers(0, 4096, (64, 84)).astype(np.uint16)
    photo = make_photo(mosaic, phase, area, 256, 4000)
    path = replace(tmp_path / "a.dng", photo)
    adobe = pytest.importorskip("dngpy").Dng(str(path))
    np.testing.assert_array_equal(adobe.raw_pixels[..., 0], mosaic)
    assert adobe.get_bayer_pattern() == phase
    info = adobe.get_data_info()
    assert adobe.exif.make == "Maker" and adobe.exif.iso == 800
    assert adobe.exif.exposure_time == pytest.approx(0.02)
    assert (info.width, info.height) == (84, 64) and (info.top, info.left) == area[:2]
    # Adobe's code prints what it finds wrong; padding is a matter of taste
    said = "".join(capfd.readouterr()).splitlines()
    assert [x for x in said if x.startswith("***") and "padding" not in x] == []
    top, left, bottom, right = area
    y, x = np.mgrid[: bottom - top, : right - left]
    expected = np.array(["RGB".index(c) for c in phase]).reshape(2, 2)[y % 2, x % 2]
    with rawpy.imread(str(path)) as raw:
        np.testing.assert_array_equal(raw.raw_image, mosaic)
        colors = np.where(raw.raw_colors == 3, 1, raw.raw_colors)
        np.testing.assert_array_equal(colors[top:bottom, left:right], expected)
        # LibRaw moves an odd corner by one
        assert raw.sizes.top_margin == top + top % 2 and raw.sizes.left_margin == left + left % 2
        assert raw.black_level_per_channel == [256] * 4 and raw.white_level == 4000
        assert raw.camera_whitebalance[:3] == pytest.approx([2, 1, 1.6], rel=1e-5)


def test_calibration_goes_on_and_what_is_no_longer_true_does_not(tmp_path, rng):
    mosaic = rng.integers(0, 4096, (64, 84)).astype(np.uint16)
    opcodes = bytes([0, 0, 0, 0])  # a list of none
    kept = {
        50931: (t.ASCII, 0, "signaturé".encode() + b"\0"),
        50964: (t.SRATIONAL, 9, (1, 2) * 9),
        51009: (7, 4, opcodes),
        50719: (t.LONG, 2, (2, 2)),
        50720: (t.LONG, 2, (70, 50)),
    }
    gone = {
        t.NOISE_PROFILE: (12, 2, (1e-4, 1e-6)),
        50781: (t.BYTE, 16, bytes(16)),
        50740: (t.BYTE, 4, b"ABCD"),
    }
    path = replace(tmp_path / "a.dng", make_photo(mosaic, tags={**kept, **gone}))
    found = read_photo(path)
    np.testing.assert_array_equal(found.noise_profile, [[1e-4, 1e-6]])
    assert "not kept in a copy: private data" in found.notes
    path = replace(tmp_path / "b.dng", found)
    with tifffile.TiffFile(str(path)) as tiff:
        first, raw = tiff.pages[0], tiff.pages[0].pages[0]
        for code, (_, _, value) in kept.items():
            page = raw if code in t.RAW else first
            value = value[:-1].decode() if code == 50931 else value
            assert page.tags[code].value == value, code
        for code in list(gone) + [t.LINEARIZATION]:
            assert code not in first.tags and code not in raw.tags


def test_a_linearization_table_is_applied(tmp_path, rng, monkeypatch):
    codes = rng.integers(0, 250, (64, 64)).astype(np.uint16)
    table = (np.arange(256) ** 2 // 16).astype(np.uint16)
    extra = {t.LINEARIZATION: (t.SHORT, 256, tuple(int(v) for v in table))}
    monkeypatch.setattr(t, "RAW", t.RAW | {t.LINEARIZATION})
    path = write_dng(tmp_path / "a.dng", make_photo(codes, black=0, white=4064, tags=extra))
    monkeypatch.undo()
    found = read_photo(path)
    np.testing.assert_array_equal(found.mosaic, table[codes])
    with rawpy.imread(str(path)) as raw:
        np.testing.assert_array_equal(raw.raw_image, table[codes])
    assert t.LINEARIZATION not in found.tags


def test_big_endian_files_are_read(tmp_path, rng):
    mosaic = rng.integers(0, 4096, (64, 64)).astype(np.uint16)
    pattern = (33422, (1, 4, bytes([1, 0, 2, 1])))
    write_tiff(tmp_path / "a.dng", mosaic, t.CFA, pattern, byteorder=">")
    found = read_photo(tmp_path / "a.dng")
    np.testing.assert_array_equal(found.mosaic, mosaic)
    assert found.phase == "GRBG" and found.mosaic.dtype == np.uint16
    np.testing.assert_array_equal(found.mosaic, from_rggb(found, to_rggb(found)).mosaic)


def test_nothing_is_written_over_and_failure_leaves_nothing(tmp_path, monkeypatch):
    photo = make_photo(np.zeros((64, 64), np.uint16))
    path = replace(tmp_path / "a.dng", photo)
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="a.dng: found a file"):
        write_dng(path, photo)
    assert path.read_bytes() == before
    with pytest.raises(ValueError, match="expected .dng"):
        write_dng(tmp_path / "a.nef", photo)

    def full(file):
        raise OSError(errno.ENOSPC, "disk full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="disk full"):
        write_dng(tmp_path / "b.dng", photo)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.dng"]


def test_the_preview_shows_the_picture():
    mosaic = np.full((64, 96), 512 + 4000, np.uint16)
    mosaic[::2, ::2] = 512 + 1000  # red, which the camera sees half as strong
    mosaic[1::2, 1::2] = 512 + 625  # blue, which it sees as 0.625
    photo = make_photo(mosaic, color_matrix=np.linalg.inv(SRGB_TO_XYZ))
    with Image.open(encode_dng(photo)) as image:
        assert image.size == (48, 32)
        colors = np.asarray(image.convert("RGB")).mean((0, 1))
    np.testing.assert_allclose(colors, to_srgb(np.array([0.4, 0.8, 0.2])), atol=2)
