"""Weights at an address in place of a path: ``hf://USER/NAME`` on the Hugging Face Hub, ``wandb://...`` of W&B.

Either library is imported only where such an address is given.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from zero_dce.files import atomic_folder, cache_folder, ensure_folder, one_at_a_time, read_object, write_json
from zero_dce.records.checkpoint import MOST_MEGABYTES
from zero_dce.terminal import pip_install

log = logging.getLogger(__name__)
HUB_FORM = "hf://USER/NAME, with @REVISION or /FILE after it where another than the newest weights are meant"
WANDB_FORM = "wandb://ENTITY/PROJECT/ARTIFACT:ALIAS, as in wandb://someone/zero_dce/night:picked"
WANDB_ADDRESS = re.compile(r"wandb://([^/:@]+)/([^/:@]+)/([^/:@]+):([^/:@]+)")
# Unlike an alias, a version of an artifact never changes.
ARTIFACT_VERSION = re.compile(r"v\d+")
# Which version each alias named when W&B was last reached.
ALIASES = "aliases.json"
COMMIT = re.compile(r"[0-9a-f]{40}")
# What tells one content of a file from another.
ENTITY_TAG = re.compile(r"[\w-]{1,128}", re.ASCII)
# Suffixes of files that can hold weights, for a message.
WEIGHT_SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt")
# What a server answers that is down for a while, beside everything from 500 on.
FOR_A_WHILE = (408, 429)
LOG_IN = "log in with `hf auth login`, or set HF_TOKEN"


@dataclass(frozen=True)
class RemoteWeights:
    """Weights that were fetched: the local ``file``, and the address ``pinned`` to the revision that it is of."""

    file: Path
    pinned: str


@cache
def fetch_weights(address: str, default: str) -> RemoteWeights:
    """Return the local copy of weights, fetching them where they are not there yet or have changed.

    A process asks once for an address, and goes on with what it got. Without a network, the copy of an earlier time is
    taken, which is said. Of several processes that ask at once, one fetches.

    Args:
        address: ``hf://USER/NAME[@REVISION][/FILE]``, or ``wandb://ENTITY/PROJECT/ARTIFACT:ALIAS``.
        default: the file's name where the address gives none.

    Raises:
        ConnectionError: if the server cannot be reached or does not let one in, and there is no copy.
        FileNotFoundError: if there is no such repository, revision, artifact or file.
        ModuleNotFoundError: if the address is on the Hub and huggingface_hub is not installed.
        ValueError: if the address is of another form, or the file is too large to be such weights.
    """
    fetch = _fetch_from_hub if address.startswith("hf:") else _fetch_from_wandb
    return fetch(address, default)


def _fetch_from_hub(address: str, default: str) -> RemoteWeights:
    hub = import_hub(address)
    try:
        place = hub.parse_hf_uri(address)
        if ".." in place.path_in_repo.split("/"):
            raise ValueError(place.path_in_repo)
    except ValueError as error:
        raise ValueError(f"{address} is no address of weights; expected {HUB_FORM}") from error
    if place.type != "model":
        raise ValueError(f"{address} is the address of a {place.type}; expected that of a model: {HUB_FORM}")
    name, revision = place.path_in_repo or default, place.revision or "main"
    where = {"repo_id": place.id, "filename": name, "revision": revision}
    cached = hub.try_to_load_from_cache(**where)
    cached = cached if isinstance(cached, str) else None
    if cached is None or not COMMIT.fullmatch(revision):
        cached = _ask_hub(hub, address, where, cached)
    # The cache's own layout: snapshots/COMMIT/FILE.
    file = Path(cached)
    commit = file.parents[len(Path(name).parts) - 1].name
    return RemoteWeights(file, f"hf://{place.id}@{commit}/{name}")


def import_hub(purpose: str) -> Any:
    """Import huggingface_hub, or raise ModuleNotFoundError that says what needs it."""
    try:
        import huggingface_hub.errors
        import huggingface_hub.utils
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{purpose} needs huggingface_hub: {pip_install('hub')}") from error
    return huggingface_hub


def _ask_hub(hub: Any, address: str, where: dict[str, Any], cached: str | None) -> str:
    """Return the file in the Hub's own cache, fetched where it has changed."""
    try:
        # The download alone would take the copy without a word, and would not say how large the file is.
        told = _ask_metadata(hub, address, where)
        _check_size(address, where["filename"], told.size)
        return str(hub.hf_hub_download(**where))
    except hub.errors.RemoteEntryNotFoundError as error:
        raise _name_weights(hub, address, where) from error
    except (hub.errors.HTTPError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            # The system's own, such as a full disk.
            raise
        why = explain_hub_error(address, error)
        if cached is None or not isinstance(why, ConnectionError):
            raise why from error
        log.warning("%s. The copy of an earlier time is taken: %s", why, cached)
        return cached


def _ask_metadata(hub: Any, address: str, where: dict[str, Any]) -> Any:
    """Return what the Hub says of a file. The library makes names of files of it, and takes them as they come.

    Raises:
        ConnectionError: if it is no answer of a Hub.
    """
    told = hub.get_hf_file_metadata(hub.hf_hub_url(**where))
    if not (COMMIT.fullmatch(told.commit_hash or "") and ENTITY_TAG.fullmatch(told.etag or "")):
        raise ConnectionError(f"{address}: {hub.constants.ENDPOINT} names a revision or a file as no Hub does")
    return told


def _check_size(address: str, name: str, size: int | None) -> None:
    if (size or 0) > MOST_MEGABYTES * 1e6:
        raise ValueError(
            f"{address}: {name} has {(size or 0) / 1e6:.0f} MB, which no network of this package has (at most "
            f"{MOST_MEGABYTES}): is it another model?"
        )


def explain_hub_error(what: str, error: Exception) -> OSError:
    """Return the error that says in one line why the Hub did not do ``what``.

    It is a ConnectionError where the Hub may do it another time.
    """
    from huggingface_hub import constants, errors

    if isinstance(error, errors.LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        # The connection broke off between the two questions.
        error = error.__cause__
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    if isinstance(error, errors.GatedRepoError):
        return PermissionError(f"{what}: access has to be asked for, on the repository's page; then {LOG_IN}")
    if isinstance(error, errors.RevisionNotFoundError):
        return FileNotFoundError(f"{what}: the repository has no such revision (branch, tag or commit)")
    if isinstance(error, errors.RepositoryNotFoundError):
        return FileNotFoundError(
            f"{what}: there is no such repository at {constants.ENDPOINT}, or it is private: correct the name, or "
            f"{LOG_IN} as somebody who may see it"
        )
    if status in (401, 403):
        said = getattr(error, "server_message", None)
        return PermissionError(
            f"{what}: {constants.ENDPOINT} refuses it (status {status}{f': {said}' if said else ''}): {LOG_IN}, with "
            "a token that may do this"
        )
    if status is not None and status < 500 and status not in FOR_A_WHILE:
        return OSError(f"{what}: {constants.ENDPOINT} answers {_first_line(error)}")
    reason = "HF_HUB_OFFLINE is set" if constants.is_offline_mode() else _first_line(error)
    return ConnectionError(f"{what}: {constants.ENDPOINT} cannot be reached ({reason})")


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__


def _name_weights(hub: Any, address: str, where: dict[str, Any]) -> OSError:
    """Return the error that says which weights a repository has in place of a file that is not there."""
    try:
        files = hub.HfApi().list_repo_files(where["repo_id"], revision=where["revision"])
    except (hub.errors.HTTPError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        return explain_hub_error(address, error)
    there = sorted(name for name in files if name.endswith(WEIGHT_SUFFIXES))
    has = f"it has {', '.join(there)}: hf://{where['repo_id']}/{there[0]}" if there else "it holds no weights at all"
    return FileNotFoundError(f"{address}: the repository has no file {where['filename']}; {has}")


def _fetch_from_wandb(address: str, default: str) -> RemoteWeights:
    match = WANDB_ADDRESS.fullmatch(address)
    if match is None or {".", ".."} & {*match.groups()}:
        raise ValueError(f"{address} is no address of weights; expected {WANDB_FORM}")
    # W&B takes seconds to import.
    import wandb

    *owner, alias = match.groups()
    # Another server may have an artifact of that name.
    server = re.sub(r"\W+", "_", wandb.setup().settings.base_url)
    folder = cache_folder().joinpath("wandb", server, *owner)
    ensure_folder(folder)
    with one_at_a_time(folder / ALIASES):
        version = _find_version(address, folder, alias, default)
    return RemoteWeights(folder / version / default, f"wandb://{'/'.join(owner)}:{version}")


def _find_version(address: str, folder: Path, alias: str, name: str) -> str:
    """Return the version that an alias names now, or named when W&B was last reached; its file is in the folder."""
    if ARTIFACT_VERSION.fullmatch(alias) and (folder / alias / name).is_file():
        return alias
    from zero_dce.connection import check_connection

    known: dict[str, str] = read_object(folder / ALIASES, {str: str}) or {}
    try:
        check_connection()
    except ConnectionError as error:
        version = known.get(alias)
        if version is None or not ARTIFACT_VERSION.fullmatch(version) or not (folder / version / name).is_file():
            raise ConnectionError(f"{address}: {error}") from error
        log.warning("%s: %s. The copy of an earlier time is taken: version %s", address, error, version)
        return version
    version = _download_artifact(address, folder, name)
    if version != alias:
        write_json(folder / ALIASES, {**known, alias: version})
    return version


def _download_artifact(address: str, folder: Path, name: str) -> str:
    """Fetch a file of an artifact unless it is there, and return the artifact's version."""
    import wandb

    with _explain_artifact(address, name):
        artifact = wandb.Api().artifact(address.removeprefix("wandb://"))
        entry = artifact.get_entry(name)
    version = str(artifact.version)
    if not ARTIFACT_VERSION.fullmatch(version):
        raise ConnectionError(f"{address}: W&B answers with the version {version!r}; expected one such as v3")
    if (folder / version / name).is_file():
        return version
    _check_size(address, name, entry.size)
    with _explain_artifact(address, name), atomic_folder(folder / version) as unfinished:
        entry.download(os.fspath(unfinished), skip_cache=True)
    return version


@contextmanager
def _explain_artifact(address: str, name: str) -> Iterator[None]:
    """Raise FileNotFoundError or ConnectionError in place of W&B's own errors."""
    import wandb
    from requests import RequestException

    try:
        yield
    except KeyError as error:
        raise FileNotFoundError(f"{address}: the artifact has no file {name}, as a pick that was sent has") from error
    except (wandb.errors.Error, RequestException, ValueError) as error:
        kind = FileNotFoundError if "not found" in str(error) else ConnectionError
        raise kind(f"{address}: W&B does not give it: {_first_line(error)}") from error
