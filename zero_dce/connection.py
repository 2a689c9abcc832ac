"""Asks, before a run, whether the W&B server is there and takes the key: within seconds and without a prompt."""

from __future__ import annotations

from concurrent.futures import Future
from threading import Thread

import requests
import wandb
from wandb.errors import AuthenticationError
from wandb.sdk.lib.wbauth import authenticate_session

# In seconds, for the question as a whole: a name lookup without a network can hang longer than any socket's own limit.
ANSWER_TIMEOUT = 3.0
QUESTION = {"query": "query Viewer { viewer { id } }"}


def check_connection() -> None:
    """Raise ConnectionError unless an online W&B run can be started.

    Raises:
        ConnectionError: if there is no API key, no answer in time, or the key is refused; the message says what to do.
    """
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
    try:
        found = authenticate_session(host=address, source="zero_dce", prompt=False, update_session=False)
    except AuthenticationError as error:
        raise ConnectionError(f"W&B's API key cannot be right ({error}): run `wandb login --relogin`") from error
    if found is None:
        raise ConnectionError(f"W&B has no API key for {address}: run `wandb login` once, or set WANDB_API_KEY")
    return getattr(found, "api_key", None)


def _ask(address: str, key: str | None) -> requests.Response:
    future: Future[requests.Response] = Future()

    def post() -> None:
        try:
            credentials = ("api", key) if key else None
            future.set_result(
                requests.post(f"{address}/graphql", json=QUESTION, auth=credentials, timeout=ANSWER_TIMEOUT)
            )
        except Exception as error:
            future.set_exception(error)

    Thread(target=post, daemon=True).start()
    try:
        return future.result(timeout=ANSWER_TIMEOUT)
    except (requests.RequestException, TimeoutError) as error:
        reason = type(error).__name__
        raise ConnectionError(f"W&B at {address} cannot be reached ({reason} within {ANSWER_TIMEOUT:.0f} s)") from error
