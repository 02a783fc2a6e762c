import megengine
import numpy as np
import pytest

from rawkit import normalized_l1
from rawkit.nn import (
    TrainingDiverged,
    l1_loss,
    linear_decay,
    score_loss,
    train,
    write_log,
)
from rawkit.nn.batches import PairBatches
from rawkit.nn.networks import Baseline
from rawkit.nn.weights import get_weights


@pytest.fixture
def pairs(rng):
    gt = np.repeat(rng.integers(2000, 40000, (20, 1, 1)), 256, axis=1).repeat(256, axis=2)
    noisy = gt + rng.normal(0, 800, gt.shape)
    return np.clip(noisy, 0, 65535).astype(np.uint16), gt.astype(np.uint16)


def small_batches(pairs, **options):
    return PairBatches(*pairs, batch_size=2, crop=16, **options)


def new_model(seed=1):
    megengine.random.seed(seed)
    return Baseline()


def test_the_score_loss_is_the_score(pairs):
    noisy, gt = pairs
    tensors = (megengine.Tensor(np.float32(a[:, None]) / 65536) for a in pairs)
    expected = normalized_l1(noisy, gt).mean() / 256
    np.testing.assert_allclose(score_loss(*tensors).item(), expected, rtol=1e-4)


def test_training_lowers_the_loss_and_repeats(pairs):
    runs = [train(new_model(), small_batches(pairs), 30, learning_rate=1e-3) for _ in range(2)]
    np.testing.assert_allclose(runs[0].losses, runs[1].losses, rtol=1e-6)
    losses = runs[0].losses
    assert losses[-10:].mean() < 0.7 * losses[:5].mean()


@pytest.mark.parametrize("ema_decay", [None, 0.9])
def test_an_interrupted_run_ends_like_an_uninterrupted_one(tmp_path, pairs, ema_decay):
    path, options = tmp_path / "c.npz", {"ema_decay": ema_decay, "clip_norm": 1.0}
    whole = new_model()
    expected = train(whole, small_batches(pairs, views=True), 8, **options)

    class Killed(Exception):
        pass

    def killer(step, steps):
        if step == 5:
            raise Killed
        return linear_decay(step, steps)

    killer.__name__ = "linear_decay"  # the same run, but for the kill
    options.update(checkpoint=path, checkpoint_seconds=0)
    with pytest.raises(Killed):
        train(new_model(), small_batches(pairs, views=True), 8, schedule=killer, **options)
    model = new_model()
    found = train(model, small_batches(pairs, views=True), 8, **options)
    assert (expected.resumed_at, found.resumed_at) == (0, 5)
    np.testing.assert_allclose(found.losses, expected.losses, rtol=1e-6)
    for name, array in get_weights(whole).items():
        np.testing.assert_allclose(get_weights(model)[name], array, atol=1e-7)

    again = train(new_model(), small_batches(pairs, views=True), 8, **options)
    assert again.resumed_at == 0, "a finished run starts anew"


@pytest.mark.parametrize("change", ["steps", "rate", "seed", "batches", "data"])
def test_a_checkpoint_of_another_run_is_not_continued(tmp_path, pairs, change):
    path = tmp_path / "c.npz"

    def stop(step, steps):
        if step == 2:
            raise KeyboardInterrupt
        return 1

    with pytest.raises(KeyboardInterrupt):
        train(new_model(), small_batches(pairs), 4, 1e-4, schedule=stop, checkpoint=path,
              checkpoint_seconds=0)  # fmt: skip
    stop_later = lambda step, steps: 1  # noqa: E731
    stop_later.__name__ = "stop"
    noisy, gt = pairs
    history = train(
        new_model(2 if change == "seed" else 1),
        small_batches((noisy + (change == "data"), gt), views=change == "batches"),
        5 if change == "steps" else 4,
        2e-4 if change == "rate" else 1e-4,
        schedule=stop_later,
        checkpoint=path,
    )
    assert history.resumed_at == 0


def test_a_broken_checkpoint_starts_anew(tmp_path, pairs):
    path = tmp_path / "c.npz"
    path.write_bytes(b"PK half a file")
    assert train(new_model(), small_batches(pairs), 2, checkpoint=path).resumed_at == 0


def test_divergence_stops_with_a_message_and_keeps_the_checkpoint(tmp_path, pairs):
    path = tmp_path / "c.npz"

    def loss(pred, gt):
        loss.calls += 1
        return l1_loss(pred, gt) * (float("nan") if loss.calls == 4 else 1)

    loss.calls = 0
    with pytest.raises(TrainingDiverged, match="step 4: the loss is nan.*c.npz"):
        train(new_model(), small_batches(pairs), 9, loss=loss, checkpoint=path,
              checkpoint_seconds=0)  # fmt: skip
    loss.calls = 10
    assert train(new_model(), small_batches(pairs), 9, loss=loss, checkpoint=path).resumed_at == 3


def test_validation_sees_averaged_weights_and_leaves_training_alone(pairs):
    plain = train(new_model(), small_batches(pairs), 6, learning_rate=1e-3)
    seen = []

    def validate(model):
        assert not model.training
        seen.append(get_weights(model)["conv1.0.weight"].copy())
        return len(seen)

    history = train(
        new_model(), small_batches(pairs), 6, learning_rate=1e-3, ema_decay=0.9,
        validate=validate, validate_every=2,
    )  # fmt: skip
    assert history.scores == [(2, 1.0), (4, 2.0), (6, 3.0)]
    np.testing.assert_allclose(history.losses, plain.losses, rtol=1e-6)


def test_the_log_holds_the_curve(tmp_path, pairs):
    history = train(new_model(), small_batches(pairs), 3, validate=lambda model: 8.5)
    write_log(tmp_path / "log.csv", history)
    lines = (tmp_path / "log.csv").read_text().splitlines()
    assert lines[0] == "step,loss,score" and len(lines) == 4
    assert lines[3] == "3,%.8g,8.50000" % history.losses[2]
