"""The repos of the stand-in for the Hub (`tests.hub`): commits, files, tags, what it says of them."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ATTRIBUTES = b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n"
PAGE = 50  # entries of a tree in one answer, so that clients must ask for the next page


@dataclass
class HubRepo:
    """One repo. `commits`: hash -> its files, oldest first; `tags`: name -> hash of a commit."""

    name: str
    kind: str = "model"
    private: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def head(self) -> str:
        return next(reversed(self.commits))

    @property
    def where(self) -> str:
        """The beginning of this repo's own paths."""
        return f"/{'' if self.kind == 'model' else f'{self.kind}s/'}{self.name}"

    def commit(self, files: dict[str, bytes], commit: str = "") -> str:
        """Add a commit with exactly `files`; its hash follows from them and from all before it."""
        parent = self.head if self.commits else ""
        listed = "".join(f"{name} {git_hash(own)}\n" for name, own in sorted(files.items()))
        commit = commit or hashlib.sha1(f"{parent}\n{listed}".encode()).hexdigest()
        self.commits[commit] = files
        return commit

    def find(self, revision: str) -> str | None:
        """The full hash of a branch, a tag or a commit."""
        commit = self.head if revision == "main" else self.tags.get(revision, revision)
        return commit if commit in self.commits else None

    def about(self, commit: str) -> dict[str, Any]:
        siblings = [{"rfilename": name} for name in self.commits[commit]]
        return {"id": self.name, "sha": commit, "private": self.private, "siblings": siblings}

    def refs(self) -> dict[str, Any]:
        tags = [{"name": n, "ref": f"refs/tags/{n}", "targetCommit": c} for n, c in self.tags.items()]
        main = {"name": "main", "ref": "refs/heads/main", "targetCommit": self.head}
        return {"branches": [main], "tags": tags, "converts": []}

    def tree(self, commit: str) -> list[dict[str, Any]]:
        return [_entry(name, own) for name, own in sorted(self.commits[commit].items())]

    def clone(self, folder: Path) -> Path:
        """The files of the newest commit, in `folder`."""
        for name, content in self.commits[self.head].items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return folder

    @property
    def state(self) -> tuple[object, ...]:
        """All that a visitor could tell; equal for equal histories."""
        return self.private, dict(self.commits), dict(self.tags), dict(self.variables)


def read_files(folder: Path) -> dict[str, bytes]:
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def is_large(sample: bytes) -> bool:
    """Whether the Hub stores a file that begins so beside the repo (LFS): what is not text."""
    return b"\0" in sample


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def stored_hash(content: bytes) -> str:
    """What the Hub compares a file by, and its ETag."""
    return sha256(content) if is_large(content[:512]) else git_hash(content)


def _entry(name: str, content: bytes) -> dict[str, Any]:
    entry = {"type": "file", "path": name, "size": len(content), "oid": git_hash(content)}
    if is_large(content[:512]):
        digest = sha256(content)
        entry |= {"lfs": {"oid": digest, "size": len(content), "pointerSize": 134}, "xetHash": digest}
    return entry
