"""A small W&B server on loopback: keeps what arrives, so that tests can look at it."""

from __future__ import annotations

import gzip
import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import yaml

from tests.helpers.wandb_artifacts import Artifacts, RefusalError

KEY = "0123456789" * 4
ENTITY = "someone"
PROJECT = {"id": "p", "name": "zero_dce", "entity": {"id": "e", "name": ENTITY}}


@dataclass
class Run:
    """A W&B run as the server knows it."""

    name: str
    config: dict[str, Any] = field(default_factory=dict)
    group: str | None = None
    display_name: str | None = None
    job_type: str | None = None
    tags: list[str] = field(default_factory=list)
    sweep: str | None = None
    # By the line number that the client gave: a line sent again replaces the first.
    lines: dict[int, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    exit_code: int | None = None

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The logged rows in the order of their lines."""
        return [self.lines[number] for number in sorted(self.lines)]

    def update(self, variables: dict[str, Any]) -> None:
        self.config |= {key: item["value"] for key, item in json.loads(variables.get("config") or "{}").items()}
        self.group = variables.get("groupName") or self.group
        self.display_name = variables.get("displayName") or self.display_name
        self.job_type = variables.get("jobType") or self.job_type
        self.tags = variables.get("tags") or self.tags
        self.sweep = variables.get("sweep") or self.sweep

    def describe(self) -> dict[str, Any]:
        return {
            "id": self.name,
            "name": self.name,
            "displayName": self.display_name,
            "sweepName": self.sweep,
            "project": PROJECT,
            "tags": self.tags,
            "config": json.dumps({key: {"value": value} for key, value in self.config.items()}),
            "summaryMetrics": "{}",
            "historyLineCount": len(self.lines),
            "historyTail": json.dumps([json.dumps(row) for row in self.rows[-1:]]),
            "eventsLineCount": 0,
            "eventsTail": "[]",
            "logLineCount": 0,
            # Its client takes a run without this for one that never began.
            "wandbConfig": json.dumps({"t": 1}),
        }

    def summarise(self) -> dict[str, Any]:
        """What a list of runs says beside."""
        last = {key: value for row in self.rows for key, value in row.items()}
        told = {"summaryMetrics": json.dumps(last), "systemMetrics": "{}", "state": "finished", "group": self.group}
        return {**told, "user": {"name": ENTITY, "username": ENTITY}, "createdAt": "2026-01-01T00:00:00Z"}


class Server:
    """What the server holds, and its answers to the queries that W&B's client asks.

    ``refuses`` makes it take no key; ``silent`` makes it accept connections and never answer. ``read_only`` lets
    nobody save a workspace.
    """

    def __init__(self, refuses: bool = False, silent: bool = False) -> None:
        self.refuses, self.silent = refuses, silent
        self.runs: dict[str, Run] = {}
        self.sweep: dict[str, Any] = {}
        self.left: list[dict[str, Any]] = []
        self.artifacts = Artifacts(PROJECT)
        # Saved workspaces: the mutation's variables.
        self.views: list[dict[str, Any]] = []
        self.read_only = False
        self.address = ""

    def answer(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        answers = {
            "upsertBucket": self._upsert_run,
            "RunResumeStatus": self._resume,
            "createRunFiles": self._urls,
            "upsertSweep": self._upsert_sweep,
            "SweepWithRuns": self._describe_sweep,
            "createAgent": lambda _: {"createAgent": {"agent": {"id": "agent"}}},
            "agentHeartbeat": self._next_run,
            **self.artifacts.answers,
            "upsertView(": self._upsert_view,
            "query Runs(": self._list_runs,
            "viewer": self._viewer,
        }
        known = next((method for word, method in answers.items() if word in query), None)
        return known(variables) if known else {}

    def _viewer(self, _: dict[str, Any]) -> dict[str, Any]:
        if self.refuses:
            return {"viewer": None}
        return {"viewer": {"id": "v", "entity": ENTITY, "username": ENTITY, "flags": "{}", "teams": {"edges": []}}}

    def _upsert_run(self, variables: dict[str, Any]) -> dict[str, Any]:
        name = variables["name"]
        inserted = name not in self.runs
        run = self.runs.setdefault(name, Run(name))
        run.update(variables)
        return {"upsertBucket": {"bucket": run.describe(), "inserted": inserted}}

    def _resume(self, variables: dict[str, Any]) -> dict[str, Any]:
        run = self.runs.get(variables["name"])
        return {"model": {**PROJECT, "bucket": run.describe() if run else None}}

    def _urls(self, variables: dict[str, Any]) -> dict[str, Any]:
        run = variables["run"]
        files = [{"name": name, "uploadUrl": f"{self.address}/storage/{run}/{name}"} for name in variables["files"]]
        return {"createRunFiles": {"runID": run, "uploadHeaders": [], "files": files}}

    def _upsert_sweep(self, variables: dict[str, Any]) -> dict[str, Any]:
        self.sweep = yaml.safe_load(variables["config"])
        keys = list(self.sweep["parameters"])
        grid = itertools.product(*(self.sweep["parameters"][key]["values"] for key in keys))
        self.left = [{key: {"value": value} for key, value in zip(keys, point, strict=True)} for point in grid]
        return {"upsertSweep": {"sweep": {"name": "grid1", "project": PROJECT}, "configValidationWarnings": []}}

    def _describe_sweep(self, _: dict[str, Any]) -> dict[str, Any]:
        sweep = {"id": "grid1", "name": "grid1", "state": "RUNNING", "runs": {"edges": []}}
        return {"project": {"sweep": {**sweep, "config": yaml.safe_dump(self.sweep)}}}

    def _next_run(self, variables: dict[str, Any]) -> dict[str, Any]:
        commands: list[dict[str, Any]] = []
        if not json.loads(variables["runState"]):
            commands = [{"type": "exit"}]
            if self.left:
                commands = [
                    {"type": "run", "run_id": f"point{len(self.left)}", "args": self.left.pop(0), "program": None}
                ]
        return {"agentHeartbeat": {"agent": {"id": "agent"}, "commands": json.dumps(commands)}}

    def _upsert_view(self, variables: dict[str, Any]) -> dict[str, Any]:
        if self.read_only:
            raise RefusalError("permission denied")
        self.views.append(variables)
        return {"upsertView": {"view": {"id": "view", "name": variables["name"]}, "inserted": True}}

    def _list_runs(self, variables: dict[str, Any]) -> dict[str, Any]:
        if variables["project"] != PROJECT["name"]:
            return {"project": None}
        group = json.loads(variables["filters"]).get("group")
        runs = [run for run in self.runs.values() if group in (None, run.group)]
        edges = [{"node": {**run.describe(), **run.summarise(), "projectId": "1"}, "cursor": run.name} for run in runs]
        page = {"endCursor": None, "hasNextPage": False}
        project = {"internalId": "1", "runCount": len(runs), "readOnly": False}
        return {"project": {**project, "runs": {"edges": edges, "pageInfo": page}}}

    def stream(self, run: str, body: dict[str, Any]) -> None:
        history = body.get("files", {}).get("wandb-history.jsonl", {"offset": 0, "content": []})
        for number, line in enumerate(history["content"], start=history["offset"]):
            self.runs[run].lines[number] = json.loads(line)
        if body.get("complete"):
            self.runs[run].exit_code = body["exitcode"]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: Server

    def log_message(self, *_: Any) -> None:
        """Stay quiet."""

    def do_POST(self) -> None:
        body = self._body()
        if self.path == "/graphql":
            if self.state.silent:
                threading.Event().wait(30)
            request = json.loads(body)
            try:
                self._reply({"data": self.state.answer(request["query"], request.get("variables") or {})})
            except RefusalError as refusal:
                self._reply({"data": None, "errors": [{"message": str(refusal)}]})
            return
        if self.path.endswith("/file_stream"):
            self.state.stream(self.path.split("/")[-2], json.loads(body))
        self._reply({})

    def do_PUT(self) -> None:
        _, place, owner, name = self.path.split("/", 3)
        if place == "artifacts":
            self.state.artifacts.put(f"{owner}/{name}", self._body())
        else:
            self.state.runs[owner].files[name] = self._body()
        self._reply({})

    def do_GET(self) -> None:
        found = None
        if self.path.startswith(("/artifacts/", "/artifactsV2/")):
            found = self.state.artifacts.get(self.path.split("/", 2)[2])
        self._reply({}) if found is None else self._send(found)

    def _body(self) -> bytes:
        body = b""
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline().strip(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _reply(self, content: dict[str, Any]) -> None:
        self._send(json.dumps(content).encode())

    def _send(self, text: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that goes away is no error."""


@contextmanager
def serve(**options: bool) -> Iterator[Server]:
    """Run a server for the time of a test; its ``address`` is for WANDB_BASE_URL."""
    server = Server(**options)
    http = _QuietServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"state": server}))
    server.address = server.artifacts.address = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
