"""A small Hugging Face Hub on loopback: as much of its API as huggingface_hub uses to publish and to fetch files."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from zero_dce.remote_weights import fetch_weights

TOKENS = {"hf_me": "me", "hf_other": "other"}
LICENCES = {"mit", "apache-2.0", "cc-by-nc-4.0", "other"}


@dataclass
class Repository:
    """A repository: each commit is the files of that moment, by their paths."""

    owner: str
    private: bool = False
    gated: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    def commit(self, files: dict[str, bytes], message: str) -> str:
        oid = hashlib.sha1(f"{message} {len(self.commits)}".encode()).hexdigest()
        self.commits[oid] = files
        self.refs["main"] = oid
        self.messages.append(message)
        return oid

    @property
    def files(self) -> dict[str, bytes]:
        """The files of the newest commit."""
        return self.commits[self.refs["main"]]


class HubServer:
    """What the Hub holds.

    Attributes:
        status: if set, every request is answered with it.
        silent: accept connections and never answer.
        large: whether .safetensors files go to the large file storage, as on the real Hub.
        full: take no large files.
        headers: join the headers of files, or replace them.
        listing: answers the question for the files there are.
        requests: method and path of each request.
    """

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.stored: dict[str, bytes] = {}
        self.status: int | None = None
        self.silent = False
        self.large = True
        self.full = False
        self.headers: dict[str, str] = {}
        self.listing: bytes | None = None
        self.requests: list[tuple[str, str]] = []
        self.address = ""

    def add(self, name: str, files: dict[str, bytes], **options: bool) -> Repository:
        """Make a repository with one commit of these files."""
        repository = self.repositories[name] = Repository(name.partition("/")[0], **options)
        repository.commit(files, "first")
        return repository

    def downloads(self) -> list[str]:
        """The paths of the files that were fetched."""
        return [path for method, path in self.requests if method == "GET" and ("/resolve/" in path or "/lfs/" in path)]


class RefusedError(Exception):
    """The Hub says no: a status, and the headers that tell why."""

    def __init__(self, status: int, **headers: str) -> None:
        super().__init__(status)
        self.status, self.headers = status, {name.replace("_", "-"): text for name, text in headers.items()}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: HubServer

    def log_message(self, *_: Any) -> None:
        """Stay quiet."""

    def do_GET(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append((self.command, path))
        if self.hub.silent:
            threading.Event().wait(30)
        try:
            if self.hub.status is not None:
                raise RefusedError(self.hub.status)
            self._answer(path, body)
        except RefusedError as refused:
            self._reply({"error": refused.headers.get("X-Error-Message", "no")}, refused.status, refused.headers)

    def _answer(self, path: str, body: bytes) -> None:
        routes = {
            r"/api/repos/create": self._create,
            r"/api/validate-yaml": self._validate,
            r"/api/models/([^/]+/[^/]+)/preupload/(.+)": self._preupload,
            r"/([^/]+/[^/]+)\.git/info/lfs/objects/batch": self._batch,
            r"/lfs/(\w+)": self._store,
            r"/api/models/([^/]+/[^/]+)/commit/(.+)": self._commit,
            r"/api/models/([^/]+/[^/]+)/tree/([^/]+)": self._tree,
            r"/api/models/([^/]+/[^/]+)": self._describe,
            r"/([^/]+/[^/]+)/resolve/(refs/pr/\d+|[^/]+)/(.+)": self._resolve,
        }
        for pattern, method in routes.items():
            if match := re.fullmatch(pattern, path):
                method(body, *match.groups())
                return
        raise RefusedError(404)

    def _user(self) -> str | None:
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token and token not in TOKENS:
            raise RefusedError(401, X_Error_Message="Invalid credentials in Authorization header")
        return TOKENS.get(token)

    def _repository(self, name: str, write: bool = False) -> Repository:
        repository, user = self.hub.repositories.get(name), self._user()
        if repository is None or (repository.private and user != repository.owner):
            # Without a login, the Hub does not tell one from the other.
            raise RefusedError(
                404 if user else 401, X_Error_Code="RepoNotFound", X_Error_Message="Repository not found"
            )
        if repository.gated and user != repository.owner:
            raise RefusedError(403, X_Error_Code="GatedRepo", X_Error_Message="Access is restricted")
        if write and user != repository.owner:
            raise RefusedError(403, X_Error_Message="You have no write access")
        return repository

    def _files(self, name: str, revision: str) -> tuple[str, dict[str, bytes]]:
        repository = self._repository(name)
        commit = repository.refs.get(revision, revision)
        if commit not in repository.commits:
            raise RefusedError(404, X_Error_Code="RevisionNotFound", X_Error_Message="Invalid rev id")
        return commit, repository.commits[commit]

    def _create(self, body: bytes) -> None:
        given, user = json.loads(body), self._user()
        if user is None:
            raise RefusedError(401, X_Error_Message="Invalid username or password.")
        owner = given["organization"] or user
        if owner != user:
            raise RefusedError(403, X_Error_Message=f"You don't have the rights to create a model under {owner}")
        name = f"{owner}/{given['name']}"
        if name in self.hub.repositories:
            self._reply({"error": "it is there already", "url": f"{self.hub.address}/{name}"}, 409)
            return
        self.hub.add(
            name, {".gitattributes": b"*.safetensors filter=lfs"}, private=given.get("visibility") == "private"
        )
        self._reply({"url": f"{self.hub.address}/{name}"})

    def _validate(self, body: bytes) -> None:
        content = json.loads(body)["content"]
        metadata = yaml.safe_load(content.split("---")[1])
        if metadata.get("license") not in LICENCES:
            self._reply(
                {"errors": [{"message": '"license" must be one of [apache-2.0, mit, ...]'}], "warnings": []}, 400
            )
            return
        self._reply({"errors": [], "warnings": []})

    def _preupload(self, body: bytes, name: str, _: str) -> None:
        self._repository(name, write=True)
        paths = [file["path"] for file in json.loads(body)["files"]]
        modes = {path: "lfs" if self.hub.large and path.endswith(".safetensors") else "regular" for path in paths}
        files = [{"path": path, "uploadMode": mode, "shouldIgnore": False} for path, mode in modes.items()]
        self._reply({"files": files})

    def _batch(self, body: bytes, name: str) -> None:
        self._repository(name, write=True)
        objects = [
            {**item, "actions": {"upload": {"href": f"{self.hub.address}/lfs/{item['oid']}"}}}
            for item in json.loads(body)["objects"]
        ]
        self._reply({"objects": objects, "transfer": "basic"})

    def _store(self, body: bytes, oid: str) -> None:
        if self.command == "PUT":
            if self.hub.full:
                raise RefusedError(403, X_Error_Message="storage is full")
            assert hashlib.sha256(body).hexdigest() == oid
            self.hub.stored[oid] = body
            self._reply({})
        else:
            self._send(self.hub.stored[oid])

    def _commit(self, body: bytes, name: str, _: str) -> None:
        repository = self._repository(name, write=True)
        files, message = dict(repository.files), ""
        for line in map(json.loads, body.splitlines()):
            key, value = line["key"], line["value"]
            if key == "header":
                message = value["summary"]
            elif key == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif key == "lfsFile":
                files[value["path"]] = self.hub.stored[value["oid"]]
            else:
                assert key == "deletedFile"
                del files[value["path"]]
        oid = repository.commit(files, message)
        url = f"{self.hub.address}/{name}/commit/{oid}"
        self._reply({"success": True, "commitOid": oid, "commitUrl": url, "hookOutput": ""})

    def _tree(self, _: bytes, name: str, revision: str) -> None:
        _, files = self._files(name, revision)
        if self.hub.listing is not None:
            self._send(self.hub.listing, 200, {"Content-Type": "application/json"})
            return
        self._reply(
            [
                {"type": "file", "path": path, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for path, content in files.items()
            ]
        )

    def _describe(self, _: bytes, name: str) -> None:
        repository = self._repository(name)
        siblings = [{"rfilename": path} for path in repository.files]
        sha = repository.refs["main"]
        self._reply(
            {"_id": "1", "id": name, "modelId": name, "sha": sha, "private": repository.private, "siblings": siblings}
        )

    def _resolve(self, _: bytes, name: str, revision: str, path: str) -> None:
        commit, files = self._files(name, revision)
        if path not in files:
            raise RefusedError(
                404, X_Error_Code="EntryNotFound", X_Error_Message="Entry not found", X_Repo_Commit=commit
            )
        content, headers = files[path], {"X-Repo-Commit": commit}
        digest = hashlib.sha256(content).hexdigest()
        if digest in self.hub.stored:
            # Of a large file, another server has the content.
            linked = {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(len(content))}
            elsewhere = self.hub.address.replace("127.0.0.1", "localhost")
            self._send(b"", 302, {**headers, **linked, "Location": f"{elsewhere}/lfs/{digest}"})
        else:
            headers["ETag"] = f'"{hashlib.sha1(content).hexdigest()}"'
            status = 302 if "Location" in self.hub.headers else 200
            self._send(content, status, {**headers, **self.hub.headers})

    def _reply(self, content: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self._send(json.dumps(content).encode(), status, {"Content-Type": "application/json", **(headers or {})})

    def _send(self, content: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that goes away is no error."""


@contextmanager
def serve_hub() -> Iterator[HubServer]:
    """Run a Hub for the time of a test; its ``address`` is for HF_ENDPOINT."""
    hub = HubServer()
    http = _QuietServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.address = f"http://127.0.0.1:{http.server_address[1]}"
    threading.Thread(target=http.serve_forever, daemon=True).start()
    try:
        yield hub
    finally:
        http.shutdown()
        http.server_close()


def environment(hub: HubServer, home: Path, token: str | None = None) -> dict[str, str]:
    """What a process is given to use this Hub, with a home of its own."""
    settings = {"HF_ENDPOINT": hub.address, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", "HF_HUB_ETAG_TIMEOUT": "2"}
    return {**settings, **({"HF_TOKEN": token} if token else {})}


def use_here(monkeypatch: pytest.MonkeyPatch, hub: HubServer, home: Path, token: str | None = None) -> None:
    """Let huggingface_hub in this process use this Hub: it has read its environment when it was imported."""
    from huggingface_hub import constants

    settings = {
        "ENDPOINT": hub.address,
        "HUGGINGFACE_CO_URL_TEMPLATE": hub.address + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_CACHE": str(home / "hub"),
        "HF_TOKEN_PATH": str(home / "token"),
        "HF_HUB_DISABLE_XET": True,
        "HF_HUB_ETAG_TIMEOUT": 2,
    }
    for name, value in settings.items():
        monkeypatch.setattr(constants, name, value)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    if token is not None:
        monkeypatch.setenv("HF_TOKEN", token)
    fetch_weights.cache_clear()
