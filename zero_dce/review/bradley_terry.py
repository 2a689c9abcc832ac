"""Rank checkpoints by pairwise choices: Bradley and Terry 1952, with its uncertainty.

The page in ``report.html`` computes the same numbers while a person judges; ``rank`` reproduces them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float64Array = npt.NDArray[np.float64]

# The standard deviation of a strength before anything was judged, in log odds: a candidate that was never beaten stays
# finite by it. Two candidates that differ by this much are judged 88 to 12.
PRIOR = 2.0
NEWTON_STEPS = 50
NEWTON_TOLERANCE = 1e-10
# Enough was judged when the first is the best with this probability, or when the first two differ with this probability
# by less than ALIKE (55 to 45): then either will do.
SURE = 0.95
ALIKE = 0.2


@dataclass(frozen=True)
class Ranking:
    """The strengths of candidates and how surely they are known.

    Attributes:
        strengths: log odds, one per candidate, mean about 0; a difference of 1 is judged 73 to 27.
        covariance: of the strengths, from the curvature of the posterior at its maximum.
    """

    strengths: Float64Array
    covariance: Float64Array

    def order(self) -> list[int]:
        """Return the candidates from the best to the worst; of equal ones the first comes first."""
        return sorted(range(len(self.strengths)), key=lambda index: (-self.strengths[index], index))

    def error(self, one: int, other: int) -> float:
        """Return the standard error of the difference of two strengths."""
        variance = self.covariance[one, one] + self.covariance[other, other] - 2 * self.covariance[one, other]
        return math.sqrt(max(variance, 0.0))

    def probability(self, one: int, other: int, margin: float = 0.0) -> float:
        """Return the probability that ``one`` is better than ``other`` by more than ``margin`` in log odds."""
        error = self.error(one, other)
        difference = float(self.strengths[one] - self.strengths[other]) - margin
        return 0.5 * (1 + math.erf(difference / (error * math.sqrt(2)))) if error else float(difference > 0)

    def verdict(self) -> str:
        """Say whether enough was judged: ``best``, ``alike`` (the first two), or ``more`` is needed."""
        first, *others = self.order()
        if not others or min(self.probability(first, other) for other in others) >= SURE:
            return "best"
        second = others[0]
        within = 1 - self.probability(first, second, ALIKE) - self.probability(second, first, ALIKE)
        return "alike" if within >= SURE else "more"


def rank(count: int, votes: Sequence[tuple[int, int, float]]) -> Ranking:
    """Find the most probable strengths of candidates by Newton's method.

    The probability that ``i`` is preferred to ``j`` is ``1 / (1 + exp(s_j - s_i))``; an equal vote counts half for
    each. Before any vote, strengths are normally distributed around 0.

    Args:
        count: number of candidates, at least 1.
        votes: (one, other, share): ``share`` is 1 where ``one`` was preferred, 0 where ``other``, 0.5 where neither.

    Raises:
        ValueError: if a vote names no candidate, one twice, or another share.
    """
    wins = np.zeros((count, count))
    for one, other, share in votes:
        if not (0 <= one < count and 0 <= other < count) or one == other or share not in (0, 0.5, 1):
            vote = (one, other, share)
            raise ValueError(f"the vote {vote} is wrong: expected two of {count} candidates and 0, 0.5 or 1")
        wins[one, other] += share
        wins[other, one] += 1 - share
    games = wins + wins.T
    strengths = np.zeros(count)
    for _ in range(NEWTON_STEPS):
        gradient, curvature = _derivatives(strengths, wins, games)
        step = np.linalg.solve(curvature, gradient)
        strengths += step
        if np.abs(step).max() < NEWTON_TOLERANCE:
            break
    covariance = np.linalg.inv(_derivatives(strengths, wins, games)[1])
    return Ranking(strengths, covariance.astype(np.float64))


def _derivatives(strengths: Float64Array, wins: Float64Array, games: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Return the gradient of the log posterior, and its curvature (the negative second derivative)."""
    expected = 1 / (1 + np.exp(strengths[None, :] - strengths[:, None]))
    gradient = (wins - games * expected).sum(axis=1) - strengths / PRIOR**2
    weight = games * expected * (1 - expected)
    curvature = np.diag(weight.sum(axis=1) + 1 / PRIOR**2) - weight
    return gradient, curvature
