"""The part of the small W&B server that takes artifacts."""

from __future__ import annotations

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
    """What was sent, and the answers to what W&B's client asks on the way."""

    def __init__(self, project: dict[str, Any]) -> None:
        self.project = project
        self.all: list[Artifact] = []
        self.refuses = False
        self.address = ""
        self.answers = {
            "query ArtifactType(": lambda _: {"project": {"artifact": None}},
            "createArtifact(": self._create,
            "createArtifactManifest(": self._manifest,
            "createArtifactFiles(": self._urls,
            "commitArtifact(": self._commit,
            "query ArtifactByID": self._describe,
        }

    def put(self, path: str, content: bytes) -> None:
        """Take an uploaded file: ``<number>/manifest`` or ``<number>/files/<path>``."""
        number, what, *rest = path.split("/", 2)
        if what == "manifest":
            self.all[int(number)].manifest = json.loads(content)
        else:
            self.all[int(number)].files[rest[0]] = content

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

    def _describe(self, variables: dict[str, Any]) -> dict[str, Any]:
        artifact = self.all[int(variables["id"])]
        project = {**self.project, "internalId": "1"}
        collection = {"__typename": "ArtifactSequence", "name": artifact.name, "project": project}
        described = {
            "__typename": "Artifact",
            "id": variables["id"],
            "artifactSequence": collection,
            "versionIndex": 0,
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
        return {"artifact": described}
