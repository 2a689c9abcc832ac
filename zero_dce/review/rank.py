"""Rank checkpoints by the votes that the page saved, as the page did."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from zero_dce.files import read_object
from zero_dce.review.bradley_terry import Ranking, rank
from zero_dce.terminal import tell

# The share of a vote that the left candidate gets.
VOTE_SHARES = {"left": 1.0, "right": 0.0, "equal": 0.5}
# The candidates on the left and on the right, by their numbers, and the choice.
Vote = tuple[int, int, str]
# What the page's button writes.
VOTES = {
    "candidates": [{"run": (int, str), "name": str, "step": int}],
    "votes": [{"left": int, "right": int, "choice": str}],
}
# More cannot be judged by one person, and take minutes to rank.
MOST_CANDIDATES = 1000
VERDICTS = {
    "best": "Enough was judged: the first is the best, with at least 95 %.",
    "alike": "Enough was judged: the first two are alike (55 to 45 at most, with at least 95 %); either will do.",
    "more": "More votes are needed: the first is not yet surely the best.",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this subcommand."""
    parser.add_argument("votes", type=Path, metavar="VOTES", help="the JSON file that the page's button saves")


def run(options: argparse.Namespace) -> None:
    """Print the ranking.

    Raises:
        ValueError: if the file is no record of votes.
    """
    candidates, votes = read_votes(options.votes)
    ranking = rank(len(candidates), [(left, right, VOTE_SHARES[choice]) for left, right, choice in votes])
    tell(describe_ranking(candidates, votes, ranking))


def read_votes(file: Path) -> tuple[list[str], list[Vote]]:
    """Read a record of votes.

    Returns:
        The candidates' names, and the votes.

    Raises:
        ValueError: if the file is missing or has another shape; the message says what was expected.
    """
    try:
        content = read_object(file, VOTES)
        if content is None:
            raise FileNotFoundError("it does not exist")
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{file} is no record of votes ({type(error).__name__}: {error}); expected the JSON file that the button "
            "'Save votes' of report.html writes"
        ) from error
    names = [f"run {one['run']}  {one['name']}  step {one['step']}" for one in content["candidates"]]
    votes = [(vote["left"], vote["right"], vote["choice"]) for vote in content["votes"]]
    if len(names) > MOST_CANDIDATES:
        raise ValueError(f"{file} names {len(names)} candidates; expected at most {MOST_CANDIDATES}")
    if not names:
        raise ValueError(f"{file} names no candidates; expected two checkpoints or more")
    for left, right, choice in votes:
        if choice not in VOTE_SHARES:
            raise ValueError(f"{file}: a choice is {choice!r}; expected one of {', '.join(VOTE_SHARES)}")
        if not (0 <= left < len(names) and 0 <= right < len(names)) or left == right:
            raise ValueError(f"{file}: a vote is between {left} and {right}; expected two of {len(names)} candidates")
    return names, votes


def describe_ranking(candidates: list[str], votes: list[Vote], ranking: Ranking) -> str:
    """Lay out the ranking: strengths with standard errors against the first, and the chance to beat the next."""
    order = ranking.order()
    judged = Counter(index for left, right, _ in votes for index in (left, right))
    lines = [
        f"{len(votes)} votes on {len(candidates)} checkpoints",
        "      strength          judged  better than the next",
    ]
    for place, index in enumerate(order):
        strength = "best"
        if place > 0:
            behind = ranking.strengths[index] - ranking.strengths[order[0]]
            strength = f"{behind:+.2f} ± {ranking.error(index, order[0]):.2f}"
        chance = ""
        if place + 1 < len(order):
            chance = f"{100 * ranking.probability(index, order[place + 1]):.0f} %"
        lines.append(f"{place + 1:3}.  {strength:14}  {judged[index]:7}  {chance:>14}  {candidates[index]}")
    return "\n".join([*lines, VERDICTS[ranking.verdict()]])
