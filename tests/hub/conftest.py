"""A stand-in of the Hugging Face hub: what its API answers when a model is pushed, and what it was sent."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from serving import Answer, Request, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

TOKEN = "hf_standinstandinstandinstandin"


@dataclass
class Hub:
    """What the hub knows, and how it is to misbehave.

    Attributes:
        role: What the token may do.
        refuse: Status to answer by the end of a path.
        lfs: Ends of names that are uploaded as large files.
        requests: Method and path of everything that was asked.
        commits: Per commit the header and the files by name.
    """

    role: str = "write"
    refuse: dict[str, int] = field(default_factory=dict)
    lfs: tuple[str, ...] = ()
    requests: list[str] = field(default_factory=list)
    created: list[dict[str, Any]] = field(default_factory=list)
    commits: list[tuple[dict[str, Any], dict[str, bytes]]] = field(default_factory=list)
    uploads: dict[str, bytes] = field(default_factory=dict)
    address: str = ""

    @property
    def files(self) -> dict[str, bytes]:
        """The files of the only commit."""
        ((_, files),) = self.commits
        return files

    def answer(self, method: str, path: str, token: str | None, body: bytes) -> tuple[int, dict[str, Any]]:
        self.requests.append(f"{method} {path}")
        refused = next((status for end, status in self.refuse.items() if path.endswith(end)), None)
        if refused:
            return refused, {"error": "no"}
        if method == "HEAD":
            return 200, {}
        if path.startswith("/upload/"):
            self.uploads[path.rpartition("/")[2]] = body
            return 200, {}
        if token != TOKEN:
            return 401, {"error": "Invalid credentials"}
        return 200, self._result(path, body)

    def _result(self, path: str, body: bytes) -> dict[str, Any]:
        if path == "/api/whoami-v2":
            auth = {"type": "access_token", "accessToken": {"displayName": "t", "role": self.role}}
            return {"type": "user", "name": "ada", "fullname": "Ada", "orgs": [{"name": "club"}], "auth": auth}
        if path == "/api/repos/create":
            self.created.append(json.loads(body))
            return {"url": f"{self.address}/{self._name(self.created[-1])}", "name": self._name(self.created[-1])}
        if path.endswith("/preupload/main"):
            return {"files": [self._mode(entry["path"]) for entry in json.loads(body)["files"]]}
        if path.endswith("/info/lfs/objects/batch"):
            return {"transfer": "basic", "objects": [self._place(entry) for entry in json.loads(body)["objects"]]}
        if path.endswith("/commit/main"):
            return self._commit(path.partition("/commit/")[0].removeprefix("/api/models/"), body)
        return {}  # validate-yaml, auth-check

    def _name(self, created: dict[str, Any]) -> str:
        return f"{created['organization'] or 'ada'}/{created['name']}"

    def _mode(self, path: str) -> dict[str, Any]:
        return {"path": path, "uploadMode": "lfs" if path.endswith(self.lfs) else "regular", "shouldIgnore": False}

    def _place(self, entry: dict[str, Any]) -> dict[str, Any]:
        return {**entry, "actions": {"upload": {"href": f"{self.address}/upload/{entry['oid']}"}}}

    def _commit(self, name: str, body: bytes) -> dict[str, Any]:
        header, files = {}, {}
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            match line["key"]:
                case "header":
                    header = value
                case "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                case "lfsFile":
                    files[value["path"]] = self.uploads[value["oid"]]
        self.commits.append((header, files))
        oid = hashlib.sha1(body).hexdigest()
        return {"success": True, "commitOid": oid, "commitUrl": f"{self.address}/{name}/commit/{oid}"}


@pytest.fixture
def hub(socket_enabled: None) -> Generator[Hub]:  # noqa: ARG001 - a fixture may not ask for another by a mark
    known = Hub()

    def respond(request: Request) -> Answer:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        status, content = known.answer(request.method, request.path.partition("?")[0], token, request.body)
        return Answer(status, {"Content-Type": "application/json"}, json.dumps(content).encode())

    with serving(respond) as known.address:
        yield known


@pytest.fixture
def upo(hub: Hub, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs a command in a process of its own, whose hub is the stand-in."""

    def call(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TRANSFORMERS_"))}
        ours = {
            "HF_ENDPOINT": hub.address,
            "HF_TOKEN": TOKEN,
            "HF_HOME": str(tmp_path / "home"),
            "HF_HUB_DISABLE_XET": "1",
            "OMP_NUM_THREADS": "1",
        }
        return subprocess.run(
            [sys.executable, "-m", "upo_cli", *arguments],
            cwd=tmp_path,
            env={**kept, **ours, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    return call
