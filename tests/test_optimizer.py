import megengine
import megengine.optimizer
import numpy as np
import pytest

from rawkit.training.optimizer import FlatAdam

SHAPES = (3, 2, 3, 3), (1, 3, 1, 1), (5,)


def new_parameters(rng):
    return [megengine.Parameter(np.float32(rng.normal(size=shape))) for shape in SHAPES]


def give_gradients(parameters, rng, scale=1.0):
    for p in parameters:
        p.grad = megengine.Tensor(np.float32(scale * rng.normal(size=p.shape)))


@pytest.mark.parametrize("clip_norm", [None, 0.5, 1e6])
def test_steps_are_those_of_megengine(clip_norm):
    ours, theirs = (new_parameters(np.random.default_rng(0)) for _ in range(2))
    flat = FlatAdam(ours, clip_norm=clip_norm)
    reference = megengine.optimizer.Adam(theirs, lr=1e-2)
    for step in range(20):
        for parameters in (ours, theirs):
            give_gradients(parameters, np.random.default_rng(step))
        if clip_norm:
            megengine.optimizer.clip_grad_norm(theirs, clip_norm)
        flat.step(1e-2)
        reference.step().clear_grad()
    for a, b in zip(ours, theirs):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-6)


def test_the_average_follows_and_swaps(rng):
    parameters = new_parameters(rng)
    flat = FlatAdam(parameters, ema_decay=0.9)
    average = parameters[0].numpy().copy()
    for step in range(1, 31):
        give_gradients(parameters, rng)
        flat.step(1e-2)
        decay = min(0.9, (1 + step) / (10 + step))
        average = decay * average + (1 - decay) * parameters[0].numpy()
    present = parameters[0].numpy().copy()
    flat.swap()
    np.testing.assert_allclose(parameters[0].numpy(), average, atol=1e-6)
    flat.swap()
    np.testing.assert_array_equal(parameters[0].numpy(), present)


def test_a_parameter_left_out_of_the_loss_is_an_error(rng):
    parameters = new_parameters(rng)
    flat = FlatAdam(parameters)
    with pytest.raises(ValueError, match="without gradient"):
        flat.step(1e-2)
