"""What the W&B workspace of a sweep shows, and in which order."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import wandb_workspaces.reports.v2 as reports
import wandb_workspaces.workspaces as workspaces
from wandb_workspaces import expr

from zero_dce.losses import CompositeLoss
from zero_dce.records.table import HEADINGS

# In W&B, what lies below a first level of the configuration lies below its "value".
WEIGHTS = [f"loss.value.weights.{name}" for name in CompositeLoss.NAMES]
LOSSES = ["total", *CompositeLoss.NAMES]
SHARES = [f"share/{name}" for name in CompositeLoss.NAMES]
# W&B shows this many where nothing is said.
USUAL_RUNS = 10


def build_workspace(
    entity: str, project: str, name: str, group: str | None, keys: Collection[str], runs: int
) -> workspaces.Workspace:
    """Lay out a workspace.

    Args:
        entity: user or team.
        project: the W&B project.
        name: the workspace's.
        group: only the runs of this sweep; ``None`` shows the project's.
        keys: what the runs have logged.
        runs: how many there are; all are shown.
    """
    only = [expr.Metric("Group") == group] if group else []
    shown = workspaces.RunsetSettings(
        filters=only,
        order=[expr.Ordering(expr.Config(weight), ascending=True) for weight in WEIGHTS],
        pinned_columns=[f"config:{weight}" for weight in WEIGHTS],
    )
    return workspaces.Workspace(
        entity=entity,
        project=project,
        name=name,
        sections=_sections(keys),
        settings=workspaces.WorkspaceSettings(x_axis="Step", max_runs=max(runs, USUAL_RUNS)),
        runset_settings=shown,
    )


def _sections(keys: Collection[str]) -> list[workspaces.Section]:
    pictures = sorted(key for key in keys if key.startswith("samples/"))
    train, shares = ([f"train/{name}" for name in names] for names in (LOSSES, SHARES))
    known = list(HEADINGS)
    measures = sorted(
        (key for key in keys if key.startswith("val/") and not key.startswith("val/share/")),
        key=lambda key: (known.index(key) if key in known else len(known), key),
    )
    # Below each other: a section has panels of one size alone, and plots beside the grids would halve these.
    return [
        workspaces.Section(
            name="Sample pictures: input and output, step by step",
            panels=[_grid(key) for key in pictures],
            is_open=True,
            layout_settings=workspaces.SectionLayoutSettings(columns=1, rows=len(pictures)),
        ),
        _plots("Losses in training, unweighted, and their weighted total", train),
        _plots("Share of each weighted loss in the total", shares),
        _plots("Measures on the validation pictures", measures),
    ]


def _grid(key: str) -> reports.MediaBrowser:
    """One sample picture, the step to the right and a run a row."""
    return reports.MediaBrowser(title=key, media_keys=[key], mode="grid", grid_x_axis="step", grid_y_axis="run")


def _plots(name: str, keys: Sequence[str]) -> workspaces.Section:
    """A plot a key, all on one page, over W&B's own step, which is the training step."""
    columns = 4
    return workspaces.Section(
        name=name,
        panels=[reports.LinePlot(title=key, x="Step", y=[key]) for key in keys],
        is_open=True,
        layout_settings=workspaces.SectionLayoutSettings(columns=columns, rows=max(1, -(-len(keys) // columns))),
    )
