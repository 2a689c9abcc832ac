"""Save a W&B workspace of a sweep: sample pictures by step and run, losses and measures.

Each sample picture is a grid with the step to the right and one row per run, in the order of their loss weights; the
plots stand below. It shows what the server has: send offline runs first (`wandb sync`). The command prints the
workspace's address, and makes a new one each time.
"""

from __future__ import annotations

import argparse
import warnings
from typing import Any

import wandb

from zero_dce.connection import check_connection
from zero_dce.review.service import explain_refusal, quiet_wandb
from zero_dce.terminal import pip_install, tell

# In seconds, for each request.
API_TIMEOUT = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this subcommand."""
    parser.add_argument("--project", required=True, metavar="P", help="the W&B project")
    parser.add_argument("--entity", metavar="E", help="user or team; default: your own default in W&B")
    parser.add_argument("--name", help="the workspace's name; default: from the project or the sweep")
    parser.add_argument("--sweep", metavar="GROUP", help="only this sweep: its group in W&B, as loss_weights/DATE")


def run(options: argparse.Namespace) -> None:
    """Save the workspace and print its address.

    Raises:
        ModuleNotFoundError: if the package for workspaces is not installed.
        ConnectionError: if W&B cannot be reached or refuses.
        ValueError: if there are no runs with sample pictures, or no default entity.
    """
    build_workspace = _import_builder()
    quiet_wandb()
    check_connection()
    api = wandb.Api(timeout=API_TIMEOUT)
    entity = options.entity or _default_entity(api)
    keys, count = logged_keys(api, f"{entity}/{options.project}", options.sweep)
    name = options.name or f"{options.sweep or options.project}: pictures per step, by loss weights"
    workspace = build_workspace(entity, options.project, name, options.sweep, keys, count)
    with explain_refusal("W&B did not save the workspace", "May you write to this project?"):
        workspace.save()
    tell(workspace.url)


def logged_keys(api: wandb.Api, path: str, group: str | None) -> tuple[set[str], int]:
    """Ask the server which pictures, losses and measures the runs have logged, and how many runs there are.

    They are those of ``path``, an ``entity/project``, or of one sweep in it, the ``group``.

    Raises:
        ConnectionError: if there is no such project, or the server refuses.
        ValueError: if none of the runs has sample pictures.
    """
    filters = {"group": group} if group else {}
    with explain_refusal(
        f"W&B did not list the runs of {path}", "See the project's address for --entity and --project"
    ):
        runs = list(api.runs(path, filters=filters, lazy=False))
    keys = {str(key) for run in runs for key in run.summary.keys()}  # noqa: SIM118  # W&B's own mapping
    if not any(key.startswith("samples/") for key in keys):
        where = f"{path}, sweep {group}" if group else path
        raise ValueError(
            f"{where} has {len(runs)} runs in W&B, none with sample pictures: train with logger=wandb_online, or send "
            "offline runs by `python -m wandb sync SWEEP_DIR/wandb/offline-run-*`"
        )
    return keys, len(runs)


def _default_entity(api: wandb.Api) -> str:
    with explain_refusal("W&B did not say whose key this is", "Give --entity"):
        entity: str | None = api.default_entity
    if entity is None:
        raise ValueError("W&B has no default entity for this key: give the user or team as --entity")
    return entity


def _import_builder() -> Any:
    try:
        with warnings.catch_warnings():
            # The package declares its checks in a way that pydantic has deprecated.
            warnings.simplefilter("ignore", DeprecationWarning)
            from zero_dce.review.workspace import build_workspace
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{error}. The dashboard needs it: {pip_install('dashboard')}") from error
    return build_workspace
