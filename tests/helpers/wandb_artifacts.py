"""The part of the small W&B server that takes artifacts and gives them out."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any


class RefusalError(Exception):
    """The server says no, as GraphQL does: an error beside empty data."""


@dataclass
class Artifact:
    """An artifact as the server knows it."""

    name: str
    kind: str
    run: str
    project: str
    aliases: list[str]
    metadata: dict[str, Any]
    manifest: dict[str, Any] = field(default_factory=dict)
    # By the path inside the artifact.
    files: dict[str, bytes] = field(default_factory=dict)
    committed: bool = False


class Artifacts:
    """What was sent, and the answers to what W&B's client asks on the way; ``given`` are the paths of files it got."""

    def __init__(self, project: dict[str, Any]) -> None:
        self.project = project
        self.all: list[Artifact] = []
        self.refuses = False
        self.given: list[str] = []
        self.address = ""
        self.answers = {
            "query ArtifactType(": lambda _: {"project": {"artifact": None}},
            "createArtifact(": self._create,
            "createArtifactManifest(": self._manifest,
            "createArtifactFiles(": self._urls,
            "commitArtifact(": self._commit,
            "query ArtifactByID": lambda variables: {"artifact": self._describe(int(variables["id"]))},
            "query ArtifactMembershipByName": self._find,
            "query FetchArtifactManifest": self._give_manifest,
        }

    def put(self, path: str, content: bytes) -> None:
        """Take an uploaded file: ``<number>/manifest`` or ``<number>/files/<path>``."""
        number, what, *rest = path.split("/", 2)
        if what == "manifest":
            self.all[int(number)].manifest = json.loads(content)
        else:
            self.all[int(number)].files[rest[0]] = content

    def get(self, path: str) -> bytes | None:
        """Return a manifest, ``<number>/manifest``, or a file by its MD5, which the path ends in."""
        number, _, what = path.partition("/")
        if what == "manifest":
            return json.dumps(self.all[int(number)].manifest).encode()
        for artifact in self.all:
            for name, content in artifact.files.items():
                if hashlib.md5(content).hexdigest() in path:
                    self.given.append(name)
                    return content
        return None

    def _create(self, variables: dict[str, Any]) -> dict[str, Any]:
        if self.refuses:
            raise RefusalError("artifacts are not for you")
        given = variables["input"]
        aliases = [alias["alias"] for alias in given["aliases"]]
        name, kind = given["artifactCollectionName"], given["artifactTypeName"]
        metadata = json.loads(given["metadata"])
        self.all.append(Artifact(name, kind, given["runName"], given["projectName"], aliases, metadata))
        artifact = {"id": str(len(self.all) - 1), "state": "PENDING", "artifactSequence": {"latestArtifact": None}}
        return {"createArtifact": {"artifact": artifact}}

    def _manifest(self, variables: dict[str, Any]) -> dict[str, Any]:
        number = variables["artifactID"]
        url = f"{self.address}/artifacts/{number}/manifest"
        file = {"id": "m", "uploadUrl": url, "uploadHeaders": []}
        return {"createArtifactManifest": {"artifactManifest": {"id": number, "file": file}}}

    def _urls(self, variables: dict[str, Any]) -> dict[str, Any]:
        edges = [
            {
                "node": {
                    "storagePath": f"stored/{item['name']}",
                    "uploadUrl": f"{self.address}/artifacts/{item['artifactID']}/files/{item['name']}",
                    "uploadHeaders": [],
                    "uploadMultipartUrls": None,
                    "artifact": {"id": item["artifactID"]},
                }
            }
            for item in variables["input"]["artifactFiles"]
        ]
        return {"createArtifactFiles": {"files": {"edges": edges}}}

    def _commit(self, variables: dict[str, Any]) -> dict[str, Any]:
        self.all[int(variables["artifactID"])].committed = True
        return {"commitArtifact": {"artifact": {"id": variables["artifactID"], "digest": "d"}}}

    def _find(self, variables: dict[str, Any]) -> dict[str, Any]:
        """Find the artifact that has an alias now: the newest one that was sent with it."""
        name, _, alias = variables["name"].partition(":")
        owner = (self.project["entity"]["name"], self.project["name"])
        if (variables["entity"], variables["project"]) != owner:
            return {"project": None}
        found = [n for n, one in enumerate(self.all) if one.name == name and alias in (*one.aliases, self._version(n))]
        if not found:
            return {"project": {"artifactCollectionMembership": None}}
        described = self._describe(found[-1])
        membership = {
            "__typename": "ArtifactCollectionMembership",
            "id": f"m{found[-1]}",
            "versionIndex": described["versionIndex"],
            "createdAt": "2026-01-01T00:00:00Z",
            "aliases": [{"__typename": "ArtifactAlias", "id": alias, "alias": alias}],
            "artifactCollection": described["artifactSequence"],
            "artifact": described,
        }
        return {"project": {"artifactCollectionMembership": membership}}

    def _version(self, number: int) -> str:
        return f"v{sum(other.name == self.all[number].name for other in self.all[:number])}"

    def _give_manifest(self, variables: dict[str, Any]) -> dict[str, Any]:
        url = f"{self.address}/artifacts/{variables['id']}/manifest"
        return {"artifact": {"currentManifest": {"file": {"directUrl": url}}}}

    def _describe(self, number: int) -> dict[str, Any]:
        artifact = self.all[number]
        project = {**self.project, "internalId": "1"}
        collection = {"__typename": "ArtifactSequence", "name": artifact.name, "project": project}
        return {
            "__typename": "Artifact",
            "id": str(number),
            "artifactSequence": collection,
            "versionIndex": int(self._version(number)[1:]),
            "artifactType": {"name": artifact.kind},
            "description": None,
            "metadata": json.dumps(artifact.metadata),
            "ttlDurationSeconds": -2,
            "ttlIsInherited": True,
            "tags": [],
            "historyStep": None,
            "state": "COMMITTED",
            "size": 0,
            "digest": "d",
            "digestAlgorithm": "MANIFEST_MD5",
            "commitHash": "c",
            "fileCount": len(artifact.files),
            "createdAt": "2026-01-01T00:00:00Z",
            "updatedAt": None,
            "aliases": [
                {"__typename": "ArtifactAlias", "id": alias, "alias": alias, "artifactCollection": collection}
                for alias in artifact.aliases
            ],
        }
