"""What the W&B workspace of a sweep shows, and in which order."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import wandb_workspaces.reports.v2 as reports
import wandb_workspaces.workspaces as workspaces
from wandb_workspaces import expr

from zero_dce.losses import CompositeLoss
from zero_dce.records.table import HEADINGS

# In W&B, what lies below the first level of the configuration lies below that level's "value".
WEIGHTS = [f"loss.value.weights.{name}" for name in CompositeLoss.NAMES]
# W&B shows this many runs if a workspace does not say how many.
USUAL_RUNS = 10


def build_workspace(
    entity: str, project: str, name: str, group: str | None, keys: Collection[str], runs: int
) -> workspaces.Workspace:
    """Lay out a workspace for what the runs of a sweep have logged, or without a ``group`` all runs of the project.

    ``entity`` is a user or a team; ``runs`` is the number of runs, all of which are shown.
    """
    settings = workspaces.WorkspaceSettings(x_axis="Step", max_runs=max(runs, USUAL_RUNS))
    shown = workspaces.RunsetSettings(
        filters=[expr.Metric("Group") == group] if group else [],
        order=[expr.Ordering(expr.Config(weight), ascending=True) for weight in WEIGHTS],
        pinned_columns=[f"config:{weight}" for weight in WEIGHTS],
    )
    where: dict[str, Any] = {"entity": entity, "project": project, "name": name}
    return workspaces.Workspace(**where, sections=_sections(keys), settings=settings, runset_settings=shown)


def _sections(keys: Collection[str]) -> list[workspaces.Section]:
    pictures = sorted(key for key in keys if key.startswith("samples/"))
    losses = [f"train/{name}" for name in ("total", *CompositeLoss.NAMES)]
    shares = [f"train/share/{name}" for name in CompositeLoss.NAMES]
    validated = {key for key in keys if key.startswith("val/") and not key.startswith("val/share/")}
    # Measures that a table has come first, in its order.
    known = [key for key in HEADINGS if key in validated]
    measures = known + sorted(validated.difference(known))
    # Each sample picture has a panel with the step to the right and one row per run.
    grid: dict[str, Any] = {"mode": "grid", "grid_x_axis": "step", "grid_y_axis": "run"}
    # Sections are below each other. All panels of one have the same size: plots beside the grids would halve these.
    return [
        workspaces.Section(
            name="Sample pictures: input and output, step by step",
            panels=[reports.MediaBrowser(title=key, media_keys=[key], **grid) for key in pictures],
            is_open=True,
            layout_settings=workspaces.SectionLayoutSettings(columns=1, rows=len(pictures)),
        ),
        _plots("Losses in training, unweighted, and their weighted total", losses),
        _plots("Share of each weighted loss in the total", shares),
        _plots("Measures on the validation pictures", measures),
    ]


def _plots(name: str, keys: Sequence[str]) -> workspaces.Section:
    """Return a section with one plot per key, all on one page, over W&B's own step, which is the training step."""
    columns = 4
    return workspaces.Section(
        name=name,
        panels=[reports.LinePlot(title=key, x="Step", y=[key]) for key in keys],
        is_open=True,
        layout_settings=workspaces.SectionLayoutSettings(columns=columns, rows=max(1, -(-len(keys) // columns))),
    )
