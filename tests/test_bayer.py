import numpy as np
import pytest

from rawkit import pack_bayer, unpack_bayer
from rawkit.bayer import VIEWS, bayer_view, crop_bayer

COLORS = np.array([["R", "Gr"], ["Gb", "B"]])


def color_mosaic(height, width):
    return np.tile(COLORS, (height // 2, width // 2))


def is_rggb_up_to_transpose(mosaic, transposed):
    expected = color_mosaic(*mosaic.shape)
    if transposed:  # the two greens change places, red and blue must not
        expected = np.where(expected == "Gr", "Gb", np.where(expected == "Gb", "Gr", expected))
    return (mosaic == expected).all()


@pytest.mark.parametrize("lead", [(), (2,), (2, 3)])
def test_unpack_inverts_pack_and_keeps_dtype_of_arrays_and_tensors(rng, lead):
    import megengine

    import rawkit.nn  # noqa: F401

    bayer = rng.integers(0, 65536, lead + (6, 10), dtype=np.uint16)
    packed, tensor = pack_bayer(bayer), pack_bayer(megengine.Tensor(bayer))
    np.testing.assert_array_equal(tensor.numpy(), packed)
    for again in (unpack_bayer(packed), unpack_bayer(tensor).numpy()):
        assert again.dtype == np.uint16
        np.testing.assert_array_equal(again, bayer)


def test_odd_or_wrong_shapes_are_named():
    with pytest.raises(ValueError, match="3 x 4"):
        pack_bayer(np.zeros((3, 4)))
    with pytest.raises(ValueError, match=r"\(3, 2, 2\)"):
        unpack_bayer(np.zeros((3, 2, 2)))
    with pytest.raises(ValueError, match=r"\(4,\)"):
        pack_bayer(np.zeros(4))


@pytest.mark.parametrize("view", VIEWS)
def test_crops_and_views_are_rggb_again(view):
    mosaic = color_mosaic(12, 16)
    assert is_rggb_up_to_transpose(crop_bayer(mosaic, 2, 4, 6, view), view & 4)
    assert is_rggb_up_to_transpose(bayer_view(mosaic, view), view & 4)


def test_the_eight_crops_show_the_same_scene_and_are_all_different():
    y, x = np.mgrid[:20, :20]
    crops = [crop_bayer(y * 100 + x, 4, 6, 8, view) for view in VIEWS]
    assert len({crop.tobytes() for crop in crops}) == 8
    for view, crop in enumerate(crops):
        # no pixel invented: each crop is a block of the scene, one later where mirrored
        top, left = 4 + (view >> 1 & 1), 6 + (view & 1)
        assert set(crop.ravel()) == set((y * 100 + x)[top : top + 8, left : left + 8].ravel())


@pytest.mark.parametrize(
    "place", [(1, 0, 4, 0), (0, 1, 4, 0), (0, 0, 3, 0), (0, 6, 4, 0), (0, 4, 4, 1), (-2, 0, 4, 0)]
)
def test_crops_at_odd_places_or_outside_are_refused(place):
    with pytest.raises(ValueError):
        crop_bayer(np.zeros((8, 8)), *place)
