"""The Pareto front of a search, for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zero_dce.metrics.pareto import SIGNS, pareto_front
from zero_dce.records.outcome import judge
from zero_dce.records.sweep import RunRow
from zero_dce.terminal import align


def describe_front(rows: Sequence[RunRow], objectives: Mapping[str, str]) -> str:
    """List the runs that no other one beats in all objectives, the best in the first objective on top."""
    outcomes = [judge(row, objectives) for row in rows]
    valued = [(row, outcome.values) for row, outcome in zip(rows, outcomes, strict=True) if outcome.values is not None]
    faded = sum(outcome.faded for outcome in outcomes)
    counts = f"{len(valued)} of {len(rows)} runs have values"
    if faded:
        counts += f", {faded} faded and do not count"
    if not valued:
        return f"No Pareto front: {counts}."
    directions = list(objectives.values())
    front = [valued[place] for place in pareto_front([values for _, values in valued], directions)]
    front.sort(key=lambda entry: -SIGNS[directions[0]] * entry[1][0])
    lines = [["run", *(f"{name} ({direction})" for name, direction in objectives.items()), "point"]]
    lines += [[str(row["run"]), *(f"{value:.4g}" for value in values), row["point"]] for row, values in front]
    title = f"Pareto front, {len(front)} runs that none beats in everything ({counts}):"
    return "\n".join([title, *align(lines)])
