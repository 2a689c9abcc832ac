"""Where losses, measures and pictures go: metrics.csv, and trackers by training step.

The room itself knows which loggers a run has and whether they can be used, which is told before training.
"""

from __future__ import annotations

import logging
from importlib.metadata import PackageNotFoundError, version

from omegaconf import DictConfig, OmegaConf

from zero_dce.terminal import pip_install

log = logging.getLogger(__name__)
# The packages of loggers that are extras of their own names.
EXTRAS = ("mlflow", "tensorboard", "trackio")
# A tag, and what a tracker without lists of tags names it.
NOTICES = "notices"


def configured_loggers(config: DictConfig) -> dict[str, DictConfig]:
    """Return the configurations of a run's loggers by their names; the group holds options too, such as fallback."""
    group = OmegaConf.select(config, "logger") or {}
    return {str(name): part for name, part in group.items() if isinstance(part, DictConfig)}


def add_tag(config: DictConfig, tag: str) -> None:
    """Add a notice to the tags of every logger that has some."""
    for part in configured_loggers(config).values():
        tags = part.get("tags")
        if OmegaConf.is_list(tags):
            part.tags = [*tags, tag]
        elif tags is not None:
            part.tags = {**tags, NOTICES: ", ".join([*filter(None, [tags.get(NOTICES)]), tag])}


def check_packages(config: DictConfig) -> None:
    """Raise ModuleNotFoundError unless the packages of all of a run's loggers are installed."""
    for name, part in configured_loggers(config).items():
        if name not in EXTRAS or _is_installed(name) or (name == "mlflow" and _is_server_alone(part)):
            continue
        raise ModuleNotFoundError(
            f"logger={name} needs the package {name}, which is not installed: "
            f"{pip_install(name)}, or choose another logger"
        )


def _is_installed(package: str) -> bool:
    try:
        return bool(version(package))
    except PackageNotFoundError:
        return False


def _is_server_alone(part: DictConfig) -> bool:
    """Tell whether the small package of MLflow's client is there and enough: it has no store on disk."""
    return _server(part) is not None and _is_installed("mlflow-skinny")


def _server(part: DictConfig) -> str | None:
    """Return the address of the MLflow server; ``None`` where it is a store on disk."""
    # Only runs that log to MLflow need it.
    from zero_dce.train.loggers.mlflow_address import find_store, is_server

    uri = find_store(part.get("tracking_uri"), part.get("save_dir", ""))
    return uri if is_server(uri) else None


def check_servers(config: DictConfig) -> None:
    """Before a run, see whether the servers that it logs to answer; go on offline where ``logger.fallback`` says so.

    Raises:
        ConnectionError: if there is no key or no network, and no fallback.
    """
    loggers = configured_loggers(config)
    wandb, mlflow = loggers.get("wandb"), loggers.get("mlflow")
    if wandb is not None and wandb.get("mode") == "online":
        # Only runs that log online need it; so it is below.
        from zero_dce.connection import check_connection

        try:
            check_connection()
        except ConnectionError as error:
            _go_offline(config, "W&B", error)
            wandb.mode = "offline"
    if mlflow is not None and (uri := _server(mlflow)) is not None:
        from zero_dce.train.loggers.mlflow_server import check_mlflow_server

        try:
            check_mlflow_server(uri)
        except ConnectionError as error:
            _go_offline(config, "MLflow", error)
            # The database file in save_dir, whatever the environment says.
            mlflow.tracking_uri = ""


def _go_offline(config: DictConfig, service: str, error: ConnectionError) -> None:
    """Say that the run goes on without the server, or raise what stops it."""
    if OmegaConf.select(config, "logger.fallback") != "offline":
        raise ConnectionError(f"{error}. logger.fallback=offline trains without it") from error
    log.warning("Training goes on with %s OFFLINE (logger.fallback=offline): %s", service, error)
    add_tag(config, "offline fallback")
