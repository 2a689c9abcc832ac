"""Asks, before a run, whether the W&B server is there and takes the key: within seconds and without a prompt."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

import requests

T = TypeVar("T")
# In seconds, for the question as a whole.
ANSWER_TIMEOUT = 3.0
QUESTION = {"query": "query Viewer { viewer { id } }"}


def within_seconds(ask: Callable[[], T], seconds: float) -> T:
    """Return what a function returns, or raise what it raises, within a time.

    A name lookup without a network can hang longer than any socket's own limit.

    Raises:
        TimeoutError: if it takes longer; it is left to itself then.
    """
    future: Future[T] = Future()

    def answer() -> None:
        try:
            future.set_result(ask())
        except Exception as error:
            future.set_exception(error)

    Thread(target=answer, daemon=True).start()
    return future.result(timeout=seconds)


def check_connection() -> None:
    """Raise ConnectionError unless an online W&B run can be started.

    Raises:
        ConnectionError: if there is no API key, no answer in time, or the key is refused; the message says what to do.
    """
    # It takes a second, and the question to another server goes without it.
    import wandb

    address = wandb.setup().settings.base_url
    key = _find_key(address)
    answer = _ask(address, key)
    if answer.status_code in (401, 403) or (key and '"viewer":null' in answer.text.replace(" ", "")):
        raise ConnectionError(
            f"W&B at {address} refuses the API key: run `wandb login --relogin`, or correct WANDB_API_KEY"
        )
    if not answer.ok or '"viewer"' not in answer.text:
        raise ConnectionError(
            f"what answers at {address} is no W&B server (status {answer.status_code}): correct WANDB_BASE_URL, or log "
            "in to the network"
        )


def _find_key(address: str) -> str | None:
    """Return the key from where W&B looks for it; ``None`` where the credentials are of another kind.

    ``wandb.login`` is not used: it asks the server too, and waits longer for it.
    """
    from wandb.errors import AuthenticationError
    from wandb.sdk.lib.wbauth import authenticate_session

    try:
        found = authenticate_session(host=address, source="zero_dce", prompt=False, update_session=False)
    except AuthenticationError as error:
        raise ConnectionError(f"W&B's API key cannot be right ({error}): run `wandb login --relogin`") from error
    if found is None:
        raise ConnectionError(f"W&B has no API key for {address}: run `wandb login` once, or set WANDB_API_KEY")
    return getattr(found, "api_key", None)


def _ask(address: str, key: str | None) -> requests.Response:
    def post() -> requests.Response:
        credentials = ("api", key) if key else None
        return requests.post(f"{address}/graphql", json=QUESTION, auth=credentials, timeout=ANSWER_TIMEOUT)

    try:
        return within_seconds(post, ANSWER_TIMEOUT)
    except (requests.RequestException, TimeoutError) as error:
        reason = type(error).__name__
        raise ConnectionError(f"W&B at {address} cannot be reached ({reason} within {ANSWER_TIMEOUT:.0f} s)") from error
