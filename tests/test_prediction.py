import megengine
import megengine.module as M
import numpy as np
import pytest

from rawkit import pack_bayer, unpack_bayer
from rawkit.nn import denoise, predict, to_uint16
from rawkit.nn.networks import Baseline


class Identity(M.Module):
    def forward(self, bayer):
        return bayer * 1


class ShiftLeft(M.Module):
    """Moves every color plane one sample to the left: easy to see in any view."""

    def forward(self, bayer):
        planes = pack_bayer(bayer.numpy()[:, 0])
        planes = np.concatenate([planes[..., 1:], planes[..., -1:]], axis=-1)
        return megengine.Tensor(unpack_bayer(planes)[:, None])


def test_nothing_is_lost_on_the_way_through(patches):
    np.testing.assert_array_equal(denoise(Identity(), patches), patches)
    np.testing.assert_array_equal(denoise(Identity(), patches, self_ensemble=True), patches)


def test_the_self_ensemble_averages_the_eight_views():
    row = np.tile(np.arange(0, 64, 2).repeat(2), (64, 1)).astype(np.uint16)
    shifted = denoise(ShiftLeft(), row[None])[0]
    assert (shifted[:, :62] - row[:, :62] == 2).all()
    ensemble = denoise(ShiftLeft(), row[None], self_ensemble=True)[0]
    # two views move it left, two right, four up or down, where nothing changes
    np.testing.assert_array_equal(ensemble[:, 4:-4], row[:, 4:-4])


def test_rounding_clipping_and_the_published_truncation():
    pred = np.array([-3.0, 0.5, 1.5, 2.6, 65535.4, 7e9])
    assert to_uint16(pred).tolist() == [0, 0, 2, 3, 65535, 65535]
    assert to_uint16(pred, truncate=True).tolist() == [0, 0, 1, 2, 65535, 65535]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_predictions_that_are_no_numbers_are_refused(bad):
    with pytest.raises(ValueError, match="NaN or infinity"):
        to_uint16(np.array([1.0, bad]))


def test_the_batch_size_does_not_change_the_answer(patches):
    megengine.random.seed(3)
    model = Baseline()
    one, all_at_once = (denoise(model, patches, batch_size=n).astype(int) for n in (1, 3))
    assert np.abs(one - all_at_once).max() <= 1


def test_the_input_is_scaled_as_published(patches):
    class Record(Identity):
        def forward(self, bayer):
            self.seen = bayer.numpy()
            return bayer

    model = Record()
    predict(model, patches[:1])
    np.testing.assert_array_equal(model.seen[:, 0], patches[:1] / np.float32(65536))
