"""Is the W&B server there, and does it take the key? Asked before a run, within seconds and without a prompt."""

from __future__ import annotations

from concurrent.futures import Future
from threading import Thread

import requests
import wandb

# For everything: a name lookup without network can hang longer than any socket's own limit.
SECONDS = 4.0
QUESTION = {"query": "query Viewer { viewer { id } }"}


def check_connection() -> None:
    """Return if an online W&B run can be started.

    Raises:
        ConnectionError: if there is no API key, no answer in time, or the key is refused; the message says what to do.
    """
    if not wandb.login(prompt=False, verify=False):
        raise ConnectionError(
            f"W&B has no API key for {wandb.setup().settings.base_url}: run `wandb login` once, or set WANDB_API_KEY"
        )
    settings = wandb.setup().settings
    answer = _ask(settings.base_url, settings.api_key)
    if settings.api_key and (answer.status_code in (401, 403) or '"viewer":null' in answer.text.replace(" ", "")):
        raise ConnectionError(
            f"W&B at {settings.base_url} refuses the API key: run `wandb login --relogin`, or correct WANDB_API_KEY"
        )


def _ask(address: str, key: str | None) -> requests.Response:
    future: Future[requests.Response] = Future()

    def post() -> None:
        try:
            credentials = ("api", key) if key else None
            future.set_result(requests.post(f"{address}/graphql", json=QUESTION, auth=credentials, timeout=SECONDS))
        except Exception as error:
            future.set_exception(error)

    Thread(target=post, daemon=True).start()
    try:
        return future.result(timeout=SECONDS)
    except (requests.RequestException, TimeoutError) as error:
        reason = type(error).__name__
        raise ConnectionError(f"W&B at {address} cannot be reached ({reason} within {SECONDS:.0f} s)") from error
