"""The Pareto front of a search, for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zero_dce.pareto import SIGNS, pareto_front
from zero_dce.records.outcome import judge
from zero_dce.records.sweep import Row
from zero_dce.terminal import align


def describe_front(rows: Sequence[Row], objectives: Mapping[str, str]) -> str:
    """List the runs that no other one beats in all objectives, the best in the first objective on top.

    Args:
        rows: of :func:`zero_dce.records.sweep.read_sweep`.
        objectives: measures with ``maximize`` or ``minimize``.
    """
    outcomes = [judge(row, objectives) for row in rows]
    valued = [(row, outcome.values) for row, outcome in zip(rows, outcomes, strict=True) if outcome.values is not None]
    counts = f"{len(valued)} of {len(rows)} runs have values"
    faded = sum(outcome.faded for outcome in outcomes)
    counts += f", {faded} faded and do not count" if faded else ""
    if not valued:
        return f"No Pareto front: {counts}."
    places = pareto_front([values for _, values in valued], list(objectives.values()))
    sign = SIGNS[next(iter(objectives.values()))]
    front = sorted((valued[place] for place in places), key=lambda entry: -sign * entry[1][0])
    header = ["run", *(f"{name} ({direction})" for name, direction in objectives.items()), "point"]
    lines = [[str(row["run"]), *(f"{value:.4g}" for value in values), row["point"]] for row, values in front]
    return f"Pareto front, {len(front)} runs that none beats in everything ({counts}):\n" + "\n".join(
        align([header, *lines])
    )
