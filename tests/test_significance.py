"""The tests that compare two arms, against what they say in words."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bptt.experiments.significance import holm, sign_test

P = st.lists(st.floats(0, 1), min_size=1, max_size=12)


@pytest.mark.parametrize("n", range(9))
def test_the_sign_test_counts_the_tosses_that_are_as_uneven(n: int) -> None:
    heads = [sum(tosses) for tosses in product([0, 1], repeat=n)]
    for wins in range(n + 1):
        uneven = [abs(2 * k - n) >= abs(2 * wins - n) for k in heads]
        assert sign_test(wins, n - wins) == np.mean(uneven)


@given(st.integers(0, 30), st.integers(0, 30))
def test_the_sign_test_has_two_sides(wins: int, losses: int) -> None:
    assert sign_test(wins, losses) == sign_test(losses, wins)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]).tolist() == [1, 1]
    assert holm([]).tolist() == []


@given(P)
def test_holm_is_between_no_correction_and_bonferroni(p: list[float]) -> None:
    corrected = holm(p)
    assert (corrected >= p).all()
    assert (corrected <= np.minimum(1, len(p) * np.array(p))).all()
    assert corrected[np.argmin(p)] == min(1, len(p) * min(p))


@given(P, st.randoms())
def test_holm_does_not_mind_the_order(p: list[float], random) -> None:
    order = random.sample(range(len(p)), len(p))
    assert holm([p[j] for j in order]).tolist() == holm(p)[order].tolist()
    assert (np.diff(holm(sorted(p))) >= 0).all()


def test_holm_errs_in_one_family_of_twenty() -> None:
    rng = np.random.default_rng(0)
    families = rng.uniform(size=(20_000, 8))
    errs = np.mean([holm(p).min() < 0.05 for p in families])
    assert errs == pytest.approx(0.05, abs=0.005)  # 8 tests uncorrected: 0.34
