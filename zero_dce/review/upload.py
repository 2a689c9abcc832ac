"""A picked checkpoint as a W&B artifact, in the project that its run was logged to."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import wandb
from omegaconf import DictConfig

from zero_dce.connection import check_connection
from zero_dce.records.configuration import select_option
from zero_dce.records.run import HYDRA
from zero_dce.records.sweep import runs_folder
from zero_dce.review.service import explain_refusal, quiet_wandb

KIND = "model"
ALIAS = "picked"
# In seconds. The server has just answered, so a connection is quick; an artifact has a few megabytes; and a W&B run
# without training has little left to send at its end.
INIT_TIMEOUT, SEND_TIMEOUT, FINISH_TIMEOUT = 25, 300, 60
# W&B takes no longer name for an artifact.
MOST_CHARACTERS = 128


@dataclass(frozen=True)
class Target:
    """Where an artifact goes: the W&B project, the user or team (``None``: the default one), and its name."""

    project: str
    entity: str | None
    name: str


def check_upload(config: DictConfig, run: Path) -> Target:
    """Return where the artifact of a run goes, by the run's configuration and folder.

    Raises:
        ConnectionError: if W&B cannot be reached.
        ValueError: if the run was not logged to W&B.
    """
    place = run / HYDRA / "config.yaml"
    # The logger as a whole has values that only Hydra can resolve, as the run's folder.
    project, entity = (
        select_option(place, f"logger.wandb.{name}", (str, None), config) for name in ("project", "entity")
    )
    if project is None:
        raise ValueError(
            f"{run} was not logged to W&B, so there is no project to send to. Pick without --upload, then "
            f"`python -m wandb artifact put --type {KIND} --name PROJECT/NAME PICKED_FOLDER`"
        )
    quiet_wandb()
    try:
        check_connection()
    except ConnectionError as error:
        raise ConnectionError(f"{error}. --no-upload picks without sending") from error
    return Target(project, entity, artifact_name(run))


def artifact_name(run: Path) -> str:
    """Name an artifact by the sweep's folder: ``loss_weights-2026-11-23_10-00-00``.

    >>> artifact_name(Path("runs/loss weights/today/3"))
    'loss-weights-today'
    """
    return re.sub(r"[^A-Za-z0-9_.]+", "-", "-".join(runs_folder(run).parts[-2:]))[-MOST_CHARACTERS:]


def upload(folder: Path, target: Target, title: str, step: int, origin: Mapping[str, Any]) -> str:
    """Send a folder as one artifact, from a W&B run of its own, and wait until the server has it.

    The training's own W&B run is left alone: it may still be training, or wait offline to be sent. ``title`` is the
    checkpoint as a person names it, ``step`` its optimizer steps; ``origin`` becomes the artifact's metadata.

    Returns:
        The artifact's full name with its version.

    Raises:
        ConnectionError: if the server does not take it.
    """
    artifact = wandb.Artifact(target.name, KIND, description=origin["note"] or title, metadata=dict(origin))
    artifact.add_dir(str(folder), skip_cache=True, policy="immutable")
    settings = wandb.Settings(silent=True, init_timeout=INIT_TIMEOUT, finish_timeout=FINISH_TIMEOUT, console="off")
    aliases = [ALIAS, f"step-{step}"]
    way_out = f"{folder} is whole; to send it, pick again with --overwrite"
    with (
        explain_refusal("W&B did not take the artifact", way_out),
        TemporaryDirectory(prefix="zero_dce_pick", ignore_cleanup_errors=True) as scratch,
    ):
        return _send(artifact, target, aliases, name=f"pick: {title}", dir=scratch, settings=settings)


def _send(artifact: wandb.Artifact, target: Target, aliases: list[str], **options: Any) -> str:
    where: dict[str, Any] = {"project": target.project, "entity": target.entity, "mode": "online"}
    # Without an id, W&B would take the one that a sweep agent's environment names.
    run = wandb.init(**where, id=secrets.token_hex(4), job_type="pick", **options)
    failed = True
    try:
        sent = run.log_artifact(artifact, aliases=aliases).wait(timeout=SEND_TIMEOUT)
        failed = False
        return str(sent.qualified_name)
    finally:
        run.finish(exit_code=int(failed))
