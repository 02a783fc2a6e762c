import megengine
import megengine.functional as F
import numpy as np
import pytest

from rawkit import pack_bayer, unpack_bayer
from rawkit.nn import predict
from rawkit.nn.networks import PARAMETER_BUDGET, Baseline, BlindUNet, count_parameters, measure
from rawkit.nn.stabilized import _set_aside
from rawkit.nn.weights import get_weights


@pytest.mark.parametrize("output_activation", [False, True])
def test_the_baseline_has_the_published_names_shapes_and_budget(output_activation):
    baseline = Baseline(output_activation)
    widths = (4, 50, 50, 50, 50, 50, 4)
    expected = {}
    for i, (before, after) in enumerate(zip(widths, widths[1:]), start=1):
        expected[f"conv{i}.0.weight"] = (after, before, 3, 3)
        expected[f"conv{i}.0.bias"] = (1, after, 1, 1)
    assert {name: t.shape for name, t in baseline.named_parameters()} == expected
    parameters, macs = measure(baseline)
    assert parameters == count_parameters(baseline) == 93854, "as the official check counts"
    assert round(macs / 1000, 1) in (23.4, 23.5)  # with the biases 23.46


def published_forward(weights, bayer, output_activation):
    """The published network, written down once more with MegEngine's own operators."""
    n, _, h, w = bayer.shape
    x = megengine.Tensor(bayer).reshape(n, h // 2, 2, w // 2, 2).transpose(0, 2, 4, 1, 3)
    x = x.reshape(n, 4, h // 2, w // 2)
    for i in range(1, 7):
        weight, bias = (megengine.Tensor(weights[f"conv{i}.0.{k}"]) for k in ("weight", "bias"))
        x = F.conv2d(x, weight, bias, padding=1)
        if i < 6 or output_activation:
            x = F.leaky_relu(x, 0.125)
    x = x.reshape(n, 2, 2, h // 2, w // 2).transpose(0, 3, 1, 4, 2)
    return x.reshape(n, 1, h, w).numpy()


@pytest.mark.parametrize("output_activation", [False, True])
def test_the_baseline_computes_what_was_published(rng, output_activation):
    model = Baseline(output_activation)
    bayer = rng.random((2, 1, 20, 28), dtype=np.float32)
    expected = published_forward(get_weights(model), bayer, output_activation)
    found = model(megengine.Tensor(bayer)).numpy()
    np.testing.assert_allclose(found, expected, atol=2e-6)
    assert (expected < 0).any(), "where the activation tells"


def test_every_stored_parameter_of_the_unet_is_used_and_within_the_budget():
    model = BlindUNet()
    model.eval()
    parameters, macs = measure(model)
    assert parameters == count_parameters(model) == 96596 <= PARAMETER_BUDGET
    assert 12000 < macs < 13000


def test_a_new_unet_returns_its_input(rng):
    bayer = ramp(rng, (2, 66, 128))
    np.testing.assert_allclose(predict(busy(rng, 0), bayer), bayer, atol=0.1)


def busy(rng, change=0.1):
    """A network that changes what it is given."""
    model = BlindUNet()
    model.eval()
    model.exit.weight[:] = rng.normal(0, change, model.exit.weight.shape).astype(np.float32)
    return model


def ramp(rng, shape=(1, 64, 128)):
    """A mosaic from dark to bright, with noise."""
    light = np.linspace(3000, 30000, shape[-1] // 2).repeat(2)
    return rng.normal(light, np.sqrt(20 * light), shape).round()


def test_two_looks_are_the_mean_of_one_and_of_one_turned(rng):
    model = busy(rng)
    stable = rng.normal(50, 5, (3, 64, 128)).astype(np.float32)

    def run(residual, mosaic):
        planes = pack_bayer(megengine.Tensor(mosaic))
        clipped = (planes > 55).astype("float32")  # the network is shown them in both looks
        return unpack_bayer(residual(planes, clipped)).numpy()

    turned = np.pad(stable[:, 1:, 1:], ((0, 0), (0, 1), (0, 1)), "reflect")[:, ::-1, ::-1]
    once, turned = model.quick_residual, np.ascontiguousarray(turned)
    first, second = run(once, stable), run(once, turned)[:, ::-1, ::-1]
    mean = first.copy()
    mean[:, 1:, 1:] = 0.5 * (first[:, 1:, 1:] + second[:, :-1, :-1])
    assert np.abs(first - mean).max() > 0.1
    np.testing.assert_allclose(run(model.residual, stable), mean, atol=1e-3)
    model.train()
    found = run(model.residual, stable)  # half of a batch is seen once
    np.testing.assert_allclose(found[:2], mean[:2], atol=1e-3)
    np.testing.assert_allclose(found[2:], first[2:], atol=1e-3)
    np.testing.assert_allclose(run(model.residual, stable[:1]), mean[:1], atol=1e-3)


@pytest.mark.parametrize("value", [0, 3000, 65535])
def test_a_constant_patch_stays_constant_and_is_told_of(rng, value):
    bayer = np.stack([np.full((64, 128), value), ramp(rng)[0]])
    with pytest.warns(UserWarning, match="1 of 2 mosaics"):
        pred = predict(busy(rng), bayer)
    np.testing.assert_array_equal(pred[0], bayer[0])
    assert np.abs(pred[1] - bayer[1]).max() > 10


def test_the_network_is_shown_where_planes_clip(rng):
    model = busy(rng)
    shown = []
    model.residual = lambda stable, clipped: shown.append(clipped.numpy()) or 0 * stable
    bayer = np.minimum(ramp(rng), 29000)
    predict(model, np.where(bayer == 29000, 65520, bayer))
    np.testing.assert_array_equal(unpack_bayer(shown[0])[0], bayer[0] == 29000)
    shown.clear()
    predict(model, ramp(rng))  # one pixel is the brightest, which is no clip
    assert not shown[0].any()


def test_a_hot_pixel_stays_and_does_not_smear(rng):
    model, bayer = busy(rng), ramp(rng)
    hot = bayer.copy()
    hot[0, 31, 40] = 60000
    change = np.abs(predict(model, hot) - predict(model, bayer))
    assert predict(model, hot)[0, 31, 40] == pytest.approx(60000, abs=0.1)
    change[0, 31, 40] = 0
    assert change.max() < 300, "the noise's own deviation there is some 500"


def test_a_border_of_one_value_stays(rng):
    bayer = ramp(rng)
    bayer[:, :20] = 0
    pred = predict(busy(rng), bayer)
    np.testing.assert_array_equal(pred[:, :18], 0)
    assert np.abs(pred - bayer)[:, 20:].max() > 10


def test_one_photon_in_the_dark_is_no_hot_pixel():
    """Of a coarse sensor: 500 DN an electron, read noise of 20 DN."""
    packed = np.zeros((1, 4, 24, 24), np.float32)
    packed[0, :, 10, 10] = 500
    aside, calm = _set_aside(megengine.Tensor(packed), 500.0, 400.0)
    assert aside.numpy()[0, :, 10, 10].max() == 0
    np.testing.assert_array_equal(calm.numpy(), packed)


def test_the_unet_treats_each_image_alone(rng):
    model = busy(rng)
    bayer = ramp(rng, (3, 64, 128)) * [[[1]], [[0.3]], [[1.5]]]
    together = predict(model, bayer)
    assert np.abs(together - bayer).max() > 10, "the network does something"
    for i in range(3):
        np.testing.assert_allclose(predict(model, bayer[i : i + 1])[0], together[i], atol=0.5)
