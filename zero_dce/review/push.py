"""Publish a picked checkpoint on the Hugging Face Hub: weights, model card, measures, sample pictures.

``zero-dce push PICKED_DIR USER/NAME --license ID``. Others then give ``hf://USER/NAME`` wherever weights are taken.
Look first: ``--dry-run DIR`` writes what would be published, and needs neither login nor network.
"""

from __future__ import annotations

import argparse
import re
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from zero_dce.files import atomic_folder
from zero_dce.records.run import SAMPLES
from zero_dce.remote_weights import LOG_IN, explain_hub_error, import_hub
from zero_dce.review.card import DATA, model_card, trained_on
from zero_dce.review.published import CARD_FILE, PickedFolder, is_draft, read_picked, write_published
from zero_dce.terminal import tell

LICENCES = "https://huggingface.co/docs/hub/repositories-licenses"
WHY_LICENCE = (
    "without a licence nobody may use the weights, and only you know what the data allows: of your own photographs "
    "what you like, as mit or cc-by-4.0; of SICE, which is for research, a licence such as cc-by-nc-4.0"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this subcommand."""
    parser.add_argument("picked", type=Path, metavar="PICKED_DIR", help="the folder that `review pick` wrote")
    parser.add_argument("repository", metavar="USER/NAME", help="where on the Hub; made if it is not there")
    parser.add_argument("--license", metavar="ID", help=f"of the weights, as mit or cc-by-nc-4.0 ({LICENCES})")
    parser.add_argument("--private", action="store_true", help="only you and whom you let in see the repository")
    parser.add_argument("--no-pictures", action="store_true", help="leave out the sample pictures")
    parser.add_argument("--dry-run", type=Path, metavar="DIR", help="write what would be published, and end")


def run(options: argparse.Namespace) -> None:
    """Publish, or with ``--dry-run`` write what would be.

    Raises:
        OSError: if the folder is no pick, nobody is logged in, or the Hub refuses or cannot be reached.
        ValueError: if the name or the licence is wrong.
        ModuleNotFoundError: if huggingface_hub is not installed.
    """
    hub = import_hub("zero-dce push")
    check_repository(hub, options.repository)
    picked = read_picked(options.picked)
    licence = ask_licence(options.license)
    with_pictures = not options.no_pictures
    card = model_card(picked, options.repository, licence, with_pictures)
    if options.dry_run is not None:
        _write_draft(picked, card, with_pictures, options.dry_run)
        return
    if hub.get_token() is None:
        raise PermissionError(f"nobody is logged in to the Hugging Face Hub: {LOG_IN}")
    if trained_on(picked) == DATA["SICE"]:
        print("Trained on SICE, which is for research: the card says so.", file=sys.stderr)
    with TemporaryDirectory(prefix="zero_dce_push") as folder:
        write_published(picked, card, with_pictures, Path(folder))
        url = publish(hub, Path(folder), options.repository, options.private, _title(picked))
    tell(f"Published {_title(picked)}: {url}")
    tell(f"  to use it: zero-dce enhance PHOTO --output DIR --weights hf://{options.repository}")


def _title(picked: PickedFolder) -> str:
    return f"run {picked.origin['run']} at step {picked.origin['step']}"


def check_repository(hub: Any, name: str) -> None:
    """Raise ValueError unless this is a name that the Hub can have, USER/NAME."""
    try:
        if name.count("/") != 1:
            raise ValueError("one slash is between the user and the name")
        hub.utils.validate_repo_id(name)
    except ValueError as error:
        raise ValueError(f"{name} is no name of a repository; expected USER/NAME, as in me/night ({error})") from error


def ask_licence(given: str | None) -> str:
    """Return the licence that was given, or ask for it in a terminal.

    Raises:
        ValueError: if there is none, or it is no identifier.
    """
    licence = given
    if licence is None and sys.stdin.isatty():
        tell(f"Which licence? {WHY_LICENCE[0].upper()}{WHY_LICENCE[1:]}. All: {LICENCES}")
        with suppress(EOFError, KeyboardInterrupt):
            licence = input("Licence of the weights: ")
    licence = (licence or "").strip().lower()
    if not licence:
        raise ValueError(f"--license is missing: {WHY_LICENCE}. All: {LICENCES}")
    if not re.fullmatch(r"[a-z0-9][a-z0-9.+-]*", licence):
        raise ValueError(f"--license {given!r} is no identifier of a licence; expected one of {LICENCES}, as mit")
    return licence


def _write_draft(picked: PickedFolder, card: str, with_pictures: bool, folder: Path) -> None:
    if folder.exists() and not is_draft(folder):
        raise FileExistsError(f"--dry-run {folder} holds something else: give a new folder, or that of an earlier one")
    with atomic_folder(folder.resolve()) as unfinished:
        write_published(picked, card, with_pictures, unfinished)
    tell(f"Nothing is published. It would be what is in {folder}; its page is {folder / CARD_FILE}")


def publish(hub: Any, folder: Path, repository: str, private: bool, title: str) -> str:
    """Send a folder to the Hub as one commit, which replaces the sample pictures of an earlier one.

    Returns:
        The address of the repository's page.

    Raises:
        OSError: if the Hub refuses or cannot be reached; the message says what was done by then.
        ValueError: if the Hub refuses what the card says of the licence.
    """
    api, what = hub.HfApi(), f"hf://{repository} is not published"
    try:
        url = str(api.create_repo(repository, private=private or None, exist_ok=True))
        if private and not api.model_info(repository).private:
            raise PermissionError(f"{what}: it is there already and public; make it private in its settings first")
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        names = {file.relative_to(folder).as_posix(): file for file in files}
        earlier = {name for name in api.list_repo_files(repository) if name.startswith(f"{SAMPLES}/")}
        operations = [hub.CommitOperationDelete(name) for name in sorted(earlier - names.keys())]
        operations += [hub.CommitOperationAdd(name, file) for name, file in names.items()]
        api.create_commit(repository, operations, commit_message=f"Publish {title}")
    except (hub.errors.HTTPError, hub.errors.OfflineModeIsEnabled) as error:
        raise explain_hub_error(what, error) from error
    except RuntimeError as error:
        # So says huggingface_hub that a large file could not be sent.
        cause = error.__cause__
        raise explain_hub_error(what, cause if isinstance(cause, Exception) else error) from error
    except ValueError as error:
        raise ValueError(f"{what}: {' '.join(str(error).split())}") from error
    return url
