import os
import signal

import megengine
import numpy as np
import pytest

from rawkit import normalized_l1
from rawkit.nn import tensor_files
from rawkit.nn.networks import Baseline
from rawkit.nn.tensor_files import load_arrays, save_arrays
from rawkit.nn.weights import get_weights, save_model
from rawkit.training import TrainingDiverged, TrainingStopped, l1_loss, score_loss, train, write_log
from rawkit.training.batches import PairBatches


class Killed(BaseException):
    pass


def kill():
    raise Killed


class Batches(PairBatches):
    """Like any others, but for what happens before the batch of that number."""

    number, event = None, None

    def __next__(self):
        if self.number == 0:
            self.event()
        self.number = None if self.number is None else self.number - 1
        return super().__next__()


def small_batches(pairs, number=None, event=kill, **options):
    batches = Batches(*pairs, batch_size=2, crop=16, **options)
    batches.number, batches.event = number, event
    return batches


def new_model():
    megengine.random.seed(1)
    return Baseline()


def test_the_score_loss_is_the_score(pairs):
    noisy, gt = pairs
    tensors = (megengine.Tensor(np.float32(a[:, None]) / 65536) for a in pairs)
    expected = normalized_l1(noisy, gt).mean() / 256
    np.testing.assert_allclose(score_loss(*tensors).item(), expected, rtol=1e-4)


def killed(path, pairs, steps=8, **options):
    """Train until step 5, and be killed there; every step but the last is on disk."""
    batches = small_batches(pairs, 5, views=True)
    options = dict({"checkpoint": path, "checkpoint_seconds": 0}, **options)
    with pytest.raises(Killed):
        train(new_model(), batches, steps, **options)


def whole(pairs, steps=8, **options):
    """Train to the end, in one go or from where a checkpoint stands."""
    model = new_model()
    history = train(model, small_batches(pairs, views=True), steps, **options)
    return history, get_weights(model)


def same(one, two):
    np.testing.assert_array_equal(one[0].losses, two[0].losses)
    return all(np.array_equal(one[1][name], two[1][name]) for name in one[1])


@pytest.mark.parametrize("ema_decay", [None, 0.9])
def test_an_interrupted_run_ends_like_an_uninterrupted_one(tmp_path, pairs, ema_decay):
    path, options = tmp_path / "c.state", {"ema_decay": ema_decay, "clip_norm": 1.0}
    expected = whole(pairs, **options)
    killed(path, pairs, **options)
    found = whole(pairs, checkpoint=str(path), **options)
    assert (expected[0].resumed_at, found[0].resumed_at) == (0, 5)
    assert same(found, expected), "bit for bit"
    again = whole(pairs, checkpoint=path, **options)
    assert again[0].resumed_at == 8 and same(again, expected), "a finished run is not repeated"


def test_weights_are_on_disk_before_the_last_validation(tmp_path, pairs):
    def fails(model):
        raise ZeroDivisionError

    options = {"ema_decay": 0.9, "checkpoint": tmp_path / "c.state"}
    with pytest.raises(ZeroDivisionError):
        whole(pairs, validate=fails, **options)
    history, _ = found = whole(pairs, validate=lambda model: 8.5, **options)
    assert (history.resumed_at, history.scores) == (8, [(8, 8.5)])
    assert same(found, whole(pairs, ema_decay=0.9))
    assert whole(pairs, validate=fails, **options)[0].scores == [(8, 8.5)]


def changed_loss(pred, gt):
    return 2 * l1_loss(pred, gt)


@pytest.mark.parametrize(
    "change, one_pixel, options",
    [
        ("learning_rate", 0, {"learning_rate": 1e-4}),
        ("loss", 0, {"loss": changed_loss}),
        ("batches", 1, {}),
    ],
)
def test_a_checkpoint_of_another_run_is_kept_and_not_continued(
    tmp_path, pairs, capfd, change, one_pixel, options
):
    path, noisy = tmp_path / "c.state", np.copy(pairs[0])
    killed(path, pairs)
    noisy[19, 0, 0] += one_pixel
    history, _ = whole((noisy, pairs[1]), checkpoint=path, **options)
    assert history.resumed_at == 0
    assert f"c.state: it belongs to a run with other {change}; kept as c." in capfd.readouterr().err
    # the first run finds its state again
    history, _ = whole(pairs, checkpoint=path)
    assert history.resumed_at == 5


def test_a_checkpoint_that_cannot_be_read_is_kept_and_not_continued(tmp_path, pairs, capfd):
    path = tmp_path / "c.state"
    killed(path, pairs)
    path.write_bytes(path.read_bytes()[:-9])
    found = whole(pairs, checkpoint=path)
    assert found[0].resumed_at == 0 and same(found, whole(pairs))
    assert "c.state" in capfd.readouterr().err
    assert (tmp_path / "c.damaged.state").is_file()


@pytest.mark.parametrize(
    "changes, more",
    [
        ({"steps": np.array(3)}, {}),  # which are not the losses'
        ({"weights": None}, {}),
        ({}, {"batches": None}),
        ({}, {"scores": [[2, "high"]]}),
    ],
)
def test_a_state_that_cannot_be_is_one_line(tmp_path, pairs, changes, more):
    path = tmp_path / "c.state"
    killed(path, pairs)
    arrays, meta = load_arrays(path)
    arrays = {n: a for n, a in dict(arrays, **changes).items() if a is not None}
    save_arrays(path, arrays, dict(meta, **more))
    with pytest.raises(ValueError, match="c.state: found a damaged state") as caught:
        whole(pairs, checkpoint=path)
    assert "\n" not in str(caught.value)


def test_a_file_of_another_kind_is_refused_and_left_alone(tmp_path, pairs):
    path = tmp_path / "weights"
    save_model(path, new_model())
    before = path.read_bytes()
    with pytest.raises(ValueError, match="weights: found a file of another kind"):
        whole(pairs, checkpoint=path)
    with pytest.raises(ValueError, match="found a folder"):
        whole(pairs, checkpoint=tmp_path)
    with pytest.raises(ValueError, match="steps: found 0"):
        whole(pairs, steps=0)
    assert path.read_bytes() == before


def test_a_full_disk_at_a_checkpoint_does_not_end_the_training(tmp_path, pairs, capfd, monkeypatch):
    def full(path):
        raise OSError(f"{path}: found no room")

    monkeypatch.setattr(tensor_files, "atomic_file", full)
    found = whole(pairs, checkpoint=tmp_path / "c.state", checkpoint_seconds=0)
    assert same(found, whole(pairs))
    err = capfd.readouterr().err
    assert err.count("no checkpoint, training goes on") == 1 and "c.state" in err


@pytest.fixture
def signals():
    """As a shell gives them, also where the tests themselves run in the background."""
    given = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    before = {kind: signal.signal(kind, handler) for kind, handler in given.items()}
    yield
    for kind, handler in before.items():
        signal.signal(kind, handler)


def test_a_signal_that_is_ignored_goes_on_to_be(pairs, signals):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    batches = small_batches(pairs, 2, lambda: os.kill(os.getpid(), signal.SIGINT))
    assert len(train(new_model(), batches, 4).losses) == 4
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_in_order(tmp_path, pairs, signals, kind):
    path, before = tmp_path / "c.state", signal.getsignal(kind)
    batches = small_batches(pairs, 4, lambda: os.kill(os.getpid(), kind), views=True)
    with pytest.raises(TrainingStopped, match="after step 5 of 8; .*c.state is kept") as caught:
        train(new_model(), batches, 8, checkpoint=path)
    assert caught.value.status == 128 + kind
    assert signal.getsignal(kind) == before
    found = whole(pairs, checkpoint=path)
    assert found[0].resumed_at == 5 and same(found, whole(pairs))


def test_a_second_run_does_not_touch_the_checkpoint(tmp_path, pairs):
    path = tmp_path / "c.state"
    with pytest.raises(OSError, match="c.state: found another run at work on it"):
        whole(pairs, checkpoint=path, validate=lambda model: whole(pairs, checkpoint=path))


def poisoned_loss(pred, gt):
    # negative, as losses may be; the factor is no setting of the run, whose identity stays the same
    return -l1_loss(pred, gt) * float(os.environ.get("FACTOR", 1))


@pytest.mark.parametrize("seconds", [0, 60])
def test_divergence_stops_with_a_message_and_keeps_the_checkpoint(
    tmp_path, pairs, monkeypatch, seconds
):
    path = tmp_path / "c.state"
    batches = small_batches(pairs, 3, lambda: monkeypatch.setenv("FACTOR", "nan"))
    options = {"loss": poisoned_loss, "checkpoint": path, "checkpoint_seconds": seconds}
    with pytest.raises(TrainingDiverged, match="step 4: the loss is nan, it began") as caught:
        train(new_model(), batches, 9, **options)
    assert ("the last checkpoint is " in str(caught.value)) == path.is_file() == (seconds == 0)
    monkeypatch.delenv("FACTOR")
    again = train(new_model(), small_batches(pairs), 9, **options)
    assert again.resumed_at == (3 if seconds == 0 else 0)


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
    assert plain.losses[-1] < 0.9 * plain.losses[0]
    np.testing.assert_allclose(history.losses, plain.losses, rtol=1e-6)


def test_the_log_holds_the_curve(tmp_path, pairs):
    history = train(new_model(), small_batches(pairs), 3, validate=lambda model: 8.5)
    write_log(str(tmp_path / "log.csv"), history)
    lines = (tmp_path / "log.csv").read_text().splitlines()
    assert lines[0] == "step,loss,score" and len(lines) == 4
    assert lines[3] == f"3,{history.losses[2]:.8g},8.5"
