"""Files of named arrays, and what is refused of strangers' ones."""

import json
import struct

import numpy as np
import pytest
from safetensors import safe_open

from rawkit.nn.tensor_files import load_arrays, save_arrays


def test_what_is_saved_is_loaded_by_us_and_by_others(tmp_path):
    arrays = {"a": np.ones((2, 3), np.float32), "b/c": np.array(4), "d": np.zeros(0)}
    arrays["turned"] = np.arange(6.0).reshape(2, 3).T
    path = tmp_path / "a.safetensors"
    save_arrays(str(path), arrays, {"steps": 3})
    found, meta = load_arrays(str(path))
    assert meta == {"steps": 3} and sorted(found) == sorted(arrays)
    with safe_open(str(path), "np") as file:  # as any program may that reads safetensors
        assert json.loads(file.metadata()["meta"])["steps"] == 3
        for name, array in arrays.items():
            for one in (found[name], file.get_tensor(name)):
                np.testing.assert_array_equal(one, array)
                assert (one.dtype, one.shape) == (array.dtype, array.shape)


def with_header(header, data=bytes(8)):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def array(**changes):
    return {"x": dict({"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}, **changes)}


@pytest.mark.parametrize(
    "data, words",
    [
        (b"not weights", "no readable weights"),
        (struct.pack("<Q", 1 << 60), "no readable weights"),
        (with_header(b"[" * 100000), "no readable weights"),
        (with_header(array(shape=[1 << 40])), "no readable weights"),
        (with_header(array(), bytes(4)), "no readable weights"),
        (with_header(array(dtype="BF16", shape=[4])), "no readable weights"),
        (with_header(array(), struct.pack("<ff", 1, np.nan)), "NaN, infinity or text in 'x'"),
        (with_header(dict(array(), __metadata__={"meta": "[1]"})), "no readable weights"),
    ],
)
def test_what_is_damaged_is_one_line(tmp_path, data, words):
    (tmp_path / "a.safetensors").write_bytes(data)
    with pytest.raises(ValueError, match="a.safetensors: found .*" + words) as caught:
        load_arrays(tmp_path / "a.safetensors")
    assert "\n" not in str(caught.value)


def test_every_bit_counts(tmp_path):
    path = tmp_path / "a.safetensors"
    save_arrays(path, {"x": np.arange(3.0)}, {"steps": 3})
    data = path.read_bytes()
    for place in range(8, len(data)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        try:
            arrays, meta = load_arrays(path)
        except ValueError:
            continue
        assert arrays["x"].tolist() == [0, 1, 2] or meta == {}, "without a checksum all is taken"


def test_weights_of_another_program_have_an_empty_description(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(with_header(array()))
    arrays, meta = load_arrays(tmp_path / "a.safetensors")
    assert arrays["x"].tolist() == [0, 0] and meta == {}


def test_files_of_earlier_versions_are_read_and_never_unpickled(tmp_path):
    path, x = tmp_path / "a.npz", np.ones(2, np.float32)
    np.savez(path, x=x, meta=np.array('{"steps": 3}'))
    arrays, meta = load_arrays(path)
    assert meta == {"steps": 3} and list(arrays) == ["x"]
    np.testing.assert_array_equal(arrays["x"], x)
    for bad in ({"x": x}, {"x": np.array([print]), "meta": "{}"}, {"x": "text", "meta": "{}"}):
        np.savez(path, **bad)
        with pytest.raises(ValueError, match="a.npz: found (no readable weights|.* text in 'x')"):
            load_arrays(path)
