"""Archives of named arrays, and what is refused of strangers' ones."""

import io
import json
import zipfile

import numpy as np
import pytest

from rawkit.nn.archive import load_arrays, load_meta, save_arrays

META = {"meta": np.array("{}")}


def test_what_is_saved_is_loaded(tmp_path):
    arrays = {"a": np.ones((2, 3), np.float32), "b/c": np.array(4), "d": np.zeros(0)}
    save_arrays(tmp_path / "a.npz", arrays, {"steps": 3})
    found, meta = load_arrays(tmp_path / "a.npz")
    assert meta == load_meta(tmp_path / "a.npz") == {"steps": 3}
    assert list(found) == list(arrays)
    for name in arrays:
        np.testing.assert_array_equal(found[name], arrays[name])


def test_the_same_arrays_give_the_same_bytes(tmp_path):
    for name in "ab":
        save_arrays(tmp_path / name, {"x": np.ones(3)}, {})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def with_header(text):
    """An array file of 8 bytes whose header says this."""
    header = text.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + bytes([len(header), 0]) + header + bytes(8)


HEADER = "{'descr': '%s', 'fortran_order': False, 'shape': %s}"


@pytest.mark.parametrize(
    "data, words",
    [
        (with_header(HEADER % ("<f4", "(1099511627776,)")), "8 bytes for shape"),
        (with_header(HEADER % ("<f4", "(-1, -2)")), "8 bytes for shape"),
        (with_header(HEADER % ("|O", "(1,)")), "an array of object"),
        (with_header("[" * 90), "found no readable weights"),
        (b"\x93NUMPY\x03\x00" + bytes(120), "an unknown version"),
        (b"", "found no readable weights"),
    ],
)
def test_headers_that_lie_are_refused(tmp_path, data, words):
    save_arrays(tmp_path / "a.npz", {}, {})
    with zipfile.ZipFile(str(tmp_path / "a.npz"), "a") as archive:
        archive.writestr("x.npy", data)
    with pytest.raises(ValueError, match="a.npz: .*" + words):
        load_arrays(tmp_path / "a.npz")


def test_a_bomb_is_not_inflated(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros(20 << 20), **META)
    assert (tmp_path / "a.npz").stat().st_size < 1 << 20
    with pytest.raises(ValueError, match="arrays of more than 64 MiB"):
        load_arrays(tmp_path / "a.npz")


@pytest.mark.parametrize(
    "arrays, words",
    [
        ({"x": np.array([1, np.nan], np.float32)}, "NaN or infinity in 'x'"),
        ({"x": np.zeros(2)}, "x is float64 .2,., not float32"),
        ({"x": np.zeros(2, int)}, "x is int64 .2,., not float32"),
        ({"x": np.zeros(3, np.float32)}, "not float32 .2,."),
        ({}, "x is nothing"),
        ({"x": np.zeros(2, np.float32), "y": np.zeros(1)}, "y is float64 .1,., not nothing"),
    ],
)
def test_arrays_that_do_not_fit_are_named(tmp_path, arrays, words):
    save_arrays(tmp_path / "a.npz", arrays, {})
    with pytest.raises(ValueError, match="a.npz: .*" + words):
        load_arrays(tmp_path / "a.npz", {"x": (2,)})


@pytest.mark.parametrize("meta", ["[1]", "{", "[" * 100000, json.dumps({"a": 1})[:-1]])
def test_descriptions_of_another_kind_are_refused(tmp_path, meta):
    file = io.BytesIO()
    np.savez(file, meta=np.array(meta))
    (tmp_path / "a.npz").write_bytes(file.getvalue())
    with pytest.raises(ValueError, match="a.npz: found no readable weights"):
        load_meta(tmp_path / "a.npz")
