from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zero_dce.review.bradley_terry import PRIOR, Ranking, rank


def test_two_candidates_by_hand() -> None:
    """At the maximum the wins missing to the expected ones balance the prior: 7 - 10 p = s / 4, s = -(other's)."""
    ranking = rank(2, [(0, 1, 1.0)] * 7 + [(0, 1, 0.0)] * 3)
    one, other = ranking.strengths
    assert one == pytest.approx(-other, abs=1e-12)
    preferred = 1 / (1 + math.exp(other - one))
    assert 7 - 10 * preferred == pytest.approx(one / PRIOR**2, abs=1e-9)
    # Curvature: 10 p (1 - p) [[1, -1], [-1, 1]] + 1/4; along (1, -1) it is twice the first plus 1/4.
    assert ranking.error(0, 1) == pytest.approx(math.sqrt(2 / (20 * preferred * (1 - preferred) + 1 / PRIOR**2)))


def test_equal_votes_are_half_for_each() -> None:
    halves = rank(3, [(0, 1, 0.5), (0, 1, 0.5), (1, 2, 1.0)])
    wins = rank(3, [(0, 1, 1.0), (0, 1, 0.0), (1, 2, 1.0)])
    np.testing.assert_allclose(halves.strengths, wins.strengths)


def test_never_beaten_stays_finite_and_never_judged_stays_unknown() -> None:
    ranking = rank(3, [(0, 1, 1.0)] * 30)
    assert ranking.order() == [0, 2, 1]
    assert 2 < ranking.strengths[0] < 6
    assert ranking.covariance[2, 2] == pytest.approx(PRIOR**2)
    assert ranking.verdict() == "more", "the third was never seen"


def test_true_strengths_are_found() -> None:
    truth = np.array([1.0, 0.3, -0.2, -1.1])
    generator = np.random.default_rng(0)
    votes = []
    for _ in range(6000):
        one, other = generator.choice(4, 2, replace=False)
        won = generator.random() < 1 / (1 + np.exp(truth[other] - truth[one]))
        votes.append((int(one), int(other), float(won)))
    ranking = rank(4, votes)
    differences = ranking.strengths - ranking.strengths[0] - (truth - truth[0])
    errors = [ranking.error(index, 0) for index in range(4)]
    assert max(errors) < 0.1
    assert all(abs(difference) <= 3 * error for difference, error in zip(differences, errors, strict=True))
    assert ranking.verdict() == "best"


def test_verdicts() -> None:
    assert rank(2, [(0, 1, 1.0)] * 2).verdict() == "more"
    assert rank(2, [(0, 1, 1.0)] * 20).verdict() == "best"
    assert rank(2, [(0, 1, 0.5)] * 3000).verdict() == "alike"
    assert rank(1, []).verdict() == "best"
    assert Ranking(np.array([0.0, 0.0]), np.eye(2)).order() == [0, 1]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.sampled_from([0.0, 0.5, 1.0])), max_size=80))
def test_any_votes_give_a_ranking_that_does_not_depend_on_their_order(votes: list[tuple[int, int, float]]) -> None:
    votes = [vote for vote in votes if vote[0] != vote[1]]
    ranking = rank(5, votes)
    assert np.isfinite(ranking.strengths).all()
    assert (np.linalg.eigvalsh(ranking.covariance) > 0).all()
    assert abs(ranking.strengths.sum()) < 1e-8
    turned = rank(5, [(other, one, 1 - share) for one, other, share in reversed(votes)])
    np.testing.assert_allclose(turned.strengths, ranking.strengths, atol=1e-8)


@pytest.mark.parametrize("vote", [(0, 3, 1.0), (1, 1, 1.0), (0, 1, 0.7), (-1, 0, 1.0)])
def test_wrong_votes(vote: tuple[int, int, float]) -> None:
    with pytest.raises(ValueError, match="expected two of 3 candidates"):
        rank(3, [vote])
