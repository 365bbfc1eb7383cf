import io
import math
import sys

import numpy as np
import pytest
from helpers import assert_equal

from bptt import model, train
from bptt.optim import SGD, Adam, NonFiniteGradient
from bptt.tasks import Latch
from bptt.train import fit


def fit_latch(cell, seed, *, steps, max_norm=1.0):
    rng = np.random.default_rng(seed)
    task = Latch(T=8)
    params = model.init(cell, input_size=1, hidden_size=6, output_size=2, rng=rng)
    return train.fit(
        lambda params, batch: model.loss_and_grads(cell, params, *batch),
        params,
        lambda: task.draw(16, rng=rng),
        steps=steps,
        optimizer=Adam(lr=0.01),
        max_norm=max_norm,
    )


def fit_numbers(gradients, **options):
    """Train one number with the given gradients; a batch is the number of the draw."""
    draws = iter(range(len(gradients)))
    return train.fit(
        lambda theta, n: (round(float(theta[0]), 9), np.array([gradients[n]])),
        np.array([10.0]),
        lambda: next(draws),
        **{"steps": len(gradients), "optimizer": Adam(lr=1.0, eps=0.0), **options},
    )


@pytest.mark.parametrize("seed", range(5))
def test_training_gets_far_beyond_the_null_score(cell, seed):
    history = fit_latch(cell, seed, steps=200)
    assert history.loss[-20:].mean() < 0.1 * Latch.null_loss
    assert history.loss[-20:].mean() < 0.5 * history.loss[0]
    batch = Latch(T=8).draw(500, rng=np.random.default_rng(1000 + seed))
    guesses = model.logits(cell, history.params, batch.xs)[-1].argmax(axis=-1)
    assert (guesses == batch.targets[0]).mean() > 0.95 > Latch.null_accuracy


def test_equal_seeds_give_equal_runs(cell):
    one, same, other = (fit_latch(cell, seed, steps=5) for seed in (1, 1, 2))
    assert_equal(one, same)
    assert not np.array_equal(one.loss, other.loss)


def test_the_history_holds_what_each_step_saw_before_it():
    history = fit_numbers([3.0, 3.0, 3.0])  # equal gradients: Adam steps by its learning rate
    assert history.loss == pytest.approx([10, 9, 8])
    assert history.norm.tolist() == [3, 3, 3]
    assert history.params == pytest.approx([7])


def test_gradients_are_clipped_and_the_norm_before_is_kept():
    optimizer = Adam(lr=1.0, beta1=0.0, eps=1.0)
    history = fit_numbers([8.0], optimizer=optimizer, max_norm=2.0)
    assert history.norm.tolist() == [8]
    assert history.params == pytest.approx([10 - 2 / (2 + 1)])
    free = fit_numbers([8.0], optimizer=optimizer)
    assert free.params == pytest.approx([10 - 8 / (8 + 1)])


def test_any_optimizer_will_do_and_its_state_goes_from_step_to_step():
    history = fit_numbers([2.0, 2.0, 8.0], optimizer=SGD(lr=1.0, momentum=0.5), max_norm=4.0)
    assert history.loss == pytest.approx([10, 10 - 2, 8 - (1 + 2)])
    assert history.norm.tolist() == [2, 2, 8]
    assert history.params == pytest.approx([5 - (1.5 + 4)])  # the clipped gradient goes in


def test_no_step_at_all_changes_nothing():
    history = fit_numbers([])
    assert history.params.tolist() == [10]
    assert history.loss.shape == history.norm.shape == (0,)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_stops_the_run_at_its_step(bad):
    with pytest.raises(NonFiniteGradient) as error:
        fit_numbers([1.0, 1.0, bad, 1.0])
    assert error.value.__notes__ == ["train.fit: this was step 3 of 4, with loss 8.0"]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


@pytest.mark.parametrize(("stream", "shown"), [(Terminal(), True), (io.StringIO(), False)])
def test_only_a_terminal_shows_a_progress_bar(monkeypatch, stream, shown):
    monkeypatch.setattr(sys, "stderr", stream)
    fit_numbers([1.0] * 3)
    assert ("3/3" in stream.getvalue()) == shown
    assert bool(stream.getvalue()) == shown


def test_training_works_without_the_progress_bar(monkeypatch):
    want = fit_numbers([1.0] * 3)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    assert_equal(fit_numbers([1.0] * 3), want)
    assert not stream.getvalue()


@pytest.mark.parametrize("wrong", [-1, -(10**6)])
def test_a_negative_number_of_steps_is_a_value_error(wrong):
    with pytest.raises(ValueError, match=rf"^train\.fit: steps must be zero or more, got {wrong}$"):
        fit_numbers([1.0], steps=wrong)


@pytest.mark.parametrize("wrong", [None, 1.0, "3", True])
def test_a_number_of_steps_that_is_not_whole_is_a_type_error(wrong):
    with pytest.raises(TypeError, match=r"^train\.fit: steps must be a whole number, got "):
        fit_numbers([1.0], steps=wrong)


@pytest.mark.parametrize("wrong", [None, "adam", Adam, 0.1])
def test_what_is_no_optimizer_is_a_type_error(wrong):
    with pytest.raises(TypeError, match=r"^train\.fit: optimizer must have init and update, such"):
        fit_numbers([1.0], optimizer=wrong)


@pytest.mark.parametrize("wrong", [None, "1.0", {}, 1j, object()])
def test_a_loss_that_is_no_number_is_a_type_error(wrong):
    with pytest.raises(TypeError, match=r"^train\.fit: the loss must hold real numbers, got "):
        fit(lambda p, _: (wrong, p), np.ones(1), list, steps=2, optimizer=SGD(lr=0.1))


def test_a_loss_of_nan_or_of_several_numbers_is_a_value_error():
    for wrong, said in (
        (math.nan, "loss of step 1 of 2 is NaN$"),
        (np.ones(2), "the loss must be "),
    ):
        with pytest.raises(ValueError, match=said):
            fit(
                lambda p, _, loss=wrong: (loss, p), np.ones(1), list, steps=2, optimizer=SGD(lr=0.1)
            )


def test_a_gradient_whose_square_overflows_stops_the_run_at_its_step():
    with pytest.raises(NonFiniteGradient) as error:
        fit(lambda p, _: (1.0, p), np.float32([1e25]), list, steps=2, optimizer=Adam())
    assert error.value.__notes__ == ["train.fit: this was step 1 of 2, with loss 1.0"]
