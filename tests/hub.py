"""A stand-in for the Hugging Face Hub on this machine; asked as a proxy, it is one that records.

It takes what the installed client sends to publish: repos, preupload, LFS, commits, tags, variables. It
gives files as the Hub does: small ones itself, large ones by a redirect to another host, by range. Like
the Hub, it offers Xet for large files; a client that takes it finds nothing there.
"""

import base64
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest
from huggingface_hub import ModelCard, SpaceCard, constants

from tests.hub_repos import ATTRIBUTES, PAGE, HubRepo, is_large, read_files, sha256, stored_hash

REPO, COMMIT = "someone/skin", "0123456789" * 4
SOURCE = f"{REPO}@{COMMIT}"
WRITER, READER = "hf_" + "writer" * 5, "hf_" + "reader" * 5
NAME = r"(?P<name>[\w.-]+/[\w.-]+)"
API = rf"/api/(?P<kind>model|space)s/{NAME}"
Answer = tuple[int, dict[str, str]] | str


@dataclass
class StandIn:
    """`repos`: (kind, name) -> repo; `answers`: path's beginning -> what comes instead.

    An answer is a status and headers; "silent" keeps the connection open, "cut" ends it in a file and
    never gives the rest, "dropped" ends it once. `dies_at`: the number of the request from which on
    every connection is closed unanswered; `acts_first`: whether that request is carried out before.
    `spoils`: the file of which a commit gets another last byte. `stored`: large files by SHA-256;
    `with_token`: paths of that storage that were sent a token; `ranges`: what was asked for of files.
    """

    port: int = 0
    repos: dict[tuple[str, str], HubRepo] = field(default_factory=dict)
    stored: dict[str, bytes] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    methods: list[str] = field(default_factory=list)
    dies_at: int | None = None
    acts_first: bool = False
    spoils: str = ""
    before_commit: Callable[[], object] = lambda: None
    with_token: list[str] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def instead_of(self, path: str) -> Answer | None:
        return next((answer for start, answer in self.answers.items() if path.startswith(start)), None)

    def add(self, repo: HubRepo) -> HubRepo:
        self.repos[repo.kind, repo.name] = repo
        return repo

    @property
    def state(self) -> dict[tuple[str, str], tuple[object, ...]]:
        return {where: repo.state for where, repo in self.repos.items()}

    @property
    def written(self) -> list[str]:
        """The requests that change something."""
        read_only = ("/api/validate-yaml", "/preupload/")
        asked = zip(self.methods, self.asked, strict=True)
        return [path for how, path in asked if how in ("POST", "PUT") and not _has(path, read_only)]


def _has(path: str, parts: tuple[str, ...]) -> bool:
    return any(part in path for part in parts)


@contextmanager
def stand_in(folder: Path | None = None, port: int = 0) -> Iterator[StandIn]:
    """A running stand-in; `folder`: the files of `REPO` at `COMMIT`."""
    hub = StandIn()
    if folder is not None:
        hub.add(HubRepo(REPO)).commit(read_files(folder), COMMIT)

    class Handler(_Handler):
        stand_in = hub

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    hub.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield hub
    finally:
        hub.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


def use_hub(patch: pytest.MonkeyPatch, endpoint: str, cache: Path, token: str) -> None:
    """Make this process's client take `endpoint` for the Hub, as HF_ENDPOINT does at its import."""
    patch.setenv("HF_TOKEN", token)
    patch.setattr(constants, "HF_HUB_CACHE", str(cache))
    patch.setattr(constants, "ENDPOINT", endpoint)
    template = f"{endpoint}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


class Refused(Exception):  # noqa: N818
    """What the Hub says instead of an answer."""

    def __init__(self, status: int, code: str = "", headers: dict[str, str] | None = None) -> None:
        self.status, self.headers = status, {"X-Error-Code": code} if code else headers or {}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet: two would wait for each other
    stand_in: StandIn

    def do_GET(self) -> None:
        hub, parts = self.stand_in, urlsplit(self.path)
        self.query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with hub.lock:
            hub.asked.append(self.path)
            hub.methods.append(self.command)
            number = len(hub.asked)
        dies = hub.dies_at is not None and number >= hub.dies_at
        if dies and not (hub.acts_first and number == hub.dies_at):
            self._hang_up()
            return
        instead = hub.instead_of(self.query.get("of", parts.path))
        if instead == "silent":
            hub.ended.wait(30)
            self._hang_up()
            return
        try:
            if isinstance(instead, tuple):
                raise Refused(*instead[:1], headers=instead[1])
            status, content, headers = self._answer(unquote(parts.path))
        except Refused as refused:
            status, content, headers = refused.status, b"", refused.headers
        if dies:
            self._hang_up()
            return
        broken = instead in ("cut", "dropped") and content  # not a redirect
        ends = content[: len(content) // 2] if broken else None
        if broken and instead == "dropped" and self.command == "GET":
            hub.answers = {start: own for start, own in hub.answers.items() if own != "dropped"}
        self._send(status, content, headers, ends)

    do_HEAD = do_POST = do_PUT = do_CONNECT = do_GET  # noqa: N815

    def _hang_up(self) -> None:
        self.close_connection = True

    def _answer(self, path: str) -> tuple[int, bytes, dict[str, str]]:
        """Status, content and headers of the answer. Raises `Refused`."""
        for pattern, method in ROUTES:
            how, _, pattern = pattern.rpartition(" ")
            if (not how or self.command in how.split("|")) and (found := re.fullmatch(pattern, path)):
                if self.command in ("POST", "PUT") and not path.startswith("/storage/"):
                    self._check_writer()
                with self.stand_in.lock:
                    answer = method(self, found)
                if isinstance(answer, tuple):
                    return answer
                return 200, json.dumps(answer).encode(), {"Content-Type": "application/json"}
        raise Refused(404)

    @property
    def _token(self) -> str:
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    def _check_writer(self) -> None:
        if self._token != WRITER:
            raise Refused(403 if self._token == READER else 401)

    def _repo(self, found: re.Match[str]) -> HubRepo:
        repo = self.stand_in.repos.get((found["kind"] or "model", found["name"]))
        if repo is None or (repo.private and self._token not in (WRITER, READER)):
            raise Refused(404 if self._token else 401, "RepoNotFound")
        return repo

    def _at(self, found: re.Match[str]) -> tuple[HubRepo, str]:
        """The repo and the commit that a path names."""
        repo = self._repo(found)
        commit = repo.find(found.groupdict().get("revision") or "main")
        if not commit:
            raise Refused(404, "RevisionNotFound")
        return repo, commit

    def _create(self, _: re.Match[str]) -> Any:
        asked = json.loads(self.body)
        name, kind = f"{asked['organization']}/{asked['name']}", asked.get("type", "model")
        if (kind, name) in self.stand_in.repos:
            return 409, json.dumps({"url": f"{self.stand_in.url}/{name}"}).encode(), {}
        repo = self.stand_in.add(HubRepo(name, kind, asked.get("visibility") == "private"))
        repo.commit({".gitattributes": ATTRIBUTES})
        return {"url": f"{self.stand_in.url}{repo.where}"}

    def _validate(self, _: re.Match[str]) -> Any:
        asked = json.loads(self.body)
        try:
            (SpaceCard if asked["repoType"] == "space" else ModelCard)(asked["content"])
        except ValueError as error:
            return 400, json.dumps({"errors": [{"message": str(error)}]}).encode(), {}
        return {"errors": [], "warnings": []}

    def _about(self, found: re.Match[str]) -> Any:
        repo, commit = self._at(found)
        return repo.about(commit)

    def _refs(self, found: re.Match[str]) -> Any:
        return self._repo(found).refs()

    def _tree(self, found: re.Match[str]) -> Any:
        repo, commit = self._at(found)
        start = int(self.query.get("cursor", 0))
        page, path = repo.tree(commit)[start : start + PAGE], self.path.partition("?")[0]
        more = len(repo.commits[commit]) > start + PAGE
        link = f'<{self._origin()}{path}?cursor={start + PAGE}>; rel="next"'
        return 200, json.dumps(page).encode(), {"Link": link} if more else {}

    def _preupload(self, found: re.Match[str]) -> Any:
        repo, commit = self._at(found)
        there = repo.commits[commit]
        return {
            "files": [
                {
                    "path": own["path"],
                    "uploadMode": "lfs" if is_large(base64.b64decode(own["sample"])) else "regular",
                    "shouldIgnore": False,
                    "oid": stored_hash(there[own["path"]]) if own["path"] in there else None,
                }
                for own in json.loads(self.body)["files"]
            ]
        }

    def _batch(self, found: re.Match[str]) -> Any:
        verify = {"href": f"{self.stand_in.url}{self._repo(found).where}.git/info/lfs/verify"}
        objects = []
        for own in json.loads(self.body)["objects"]:
            upload = {"href": self._storage(own["oid"])}
            new = own["oid"] not in self.stand_in.stored
            objects.append(own | ({"actions": {"upload": upload, "verify": verify}} if new else {}))
        return {"transfer": "basic", "objects": objects}

    def _verify(self, _: re.Match[str]) -> Any:
        asked = json.loads(self.body)
        if len(self.stand_in.stored.get(asked["oid"], b"")) != asked["size"]:
            raise Refused(404)
        return {}

    def _commit(self, found: re.Match[str]) -> Any:
        self.stand_in.before_commit()
        repo, head = self._at(found)
        files = dict(repo.commits[head])
        for line in self.body.splitlines():
            own = json.loads(line)
            value = own["value"]
            if own["key"] == "header" and value.get("parentCommit", head) != head:
                raise Refused(412)
            if own["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif own["key"] == "lfsFile":
                files[value["path"]] = self.stand_in.stored[value["oid"]]
            elif own["key"] == "deletedFile":
                del files[value["path"]]
        if spoilt := files.get(self.stand_in.spoils):
            files[self.stand_in.spoils] = spoilt[:-1] + bytes([spoilt[-1] ^ 1])
        commit = repo.commit(files)
        return {"commitUrl": f"{self.stand_in.url}{repo.where}/commit/{commit}", "commitOid": commit}

    def _tag(self, found: re.Match[str]) -> Any:
        repo, commit = self._at(found)
        tag = json.loads(self.body)["tag"]
        if tag in repo.tags:
            raise Refused(409)
        repo.tags[tag] = commit
        return {}

    def _variable(self, found: re.Match[str]) -> Any:
        repo, own = self._repo(found), json.loads(self.body)
        repo.variables[own["key"]] = own["value"]
        return {key: {"key": key, "value": value} for key, value in repo.variables.items()}

    def _file(self, found: re.Match[str]) -> Any:
        repo, commit = self._at(found)
        content = repo.commits[commit].get(found["path"])
        if content is None:
            raise Refused(404, "EntryNotFound")
        tag = f'"{stored_hash(content)}"'
        headers = {"ETag": tag, "X-Repo-Commit": commit}
        if not is_large(content[:512]):
            return 200, content, headers
        digest = sha256(content)
        self.stand_in.stored[digest] = content
        headers |= {"X-Linked-ETag": tag, "X-Linked-Size": str(len(content)), "X-Xet-Hash": digest}
        headers["X-Xet-Refresh-Route"] = f"{self._origin()}/api/xet-read-token"
        signed = f"{self._storage(digest)}?of={quote(urlsplit(self.path).path)}"
        return 302, b"", headers | {"Location": signed}

    def _origin(self) -> str:
        parts = urlsplit(self.path)
        return f"{parts.scheme}://{parts.netloc}" if parts.netloc else self.stand_in.url

    def _storage(self, digest: str) -> str:
        """Where large files are: another host, as the Hub has it."""
        host = self._origin().replace("127.0.0.1", "localhost")
        return f"{host if 'localhost' in host else host.replace('://', '://storage.')}/storage/{digest}"

    def _stored(self, found: re.Match[str]) -> Any:
        hub = self.stand_in
        hub.with_token += [self.path] * ("Authorization" in self.headers)
        if self.command == "PUT":
            if sha256(self.body) != found["digest"]:
                raise Refused(400)
            hub.stored[found["digest"]] = self.body
            return 200, b"", {}
        content = hub.stored.get(found["digest"])
        if content is None:
            raise Refused(404)
        hub.ranges += self.headers.get_all("Range", [])
        first = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if first is None or hub.instead_of(self.query.get("of", "")) == "cut":
            return 200, content, {"Accept-Ranges": "bytes"}
        span = f"bytes {first[1]}-{len(content) - 1}/{len(content)}"
        return 206, content[int(first[1]) :], {"Content-Range": span}

    def _send(
        self, status: int, content: bytes, headers: dict[str, str], ends: bytes | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            with suppress(ConnectionError):  # a client that gave up
                self.wfile.write(content if ends is None else ends)
            self.close_connection = self.close_connection or ends is not None

    def log_message(self, format: str, *args: Any) -> None:  # noqa: ARG002
        return


ROUTES = (
    ("POST /api/repos/create", _Handler._create),
    ("POST /api/validate-yaml", _Handler._validate),
    (f"GET {API}(/revision/(?P<revision>[^/]+))?", _Handler._about),
    (f"GET {API}/refs", _Handler._refs),
    (f"GET {API}/tree/(?P<revision>[^/]+)", _Handler._tree),
    (f"POST {API}/preupload/(?P<revision>[^/]+)", _Handler._preupload),
    (f"POST {API}/commit/(?P<revision>[^/]+)", _Handler._commit),
    (f"POST {API}/tag/(?P<revision>[^/]+)", _Handler._tag),
    (f"POST {API}/variables", _Handler._variable),
    (rf"POST /((?P<kind>space)s/)?{NAME}\.git/info/lfs/objects/batch", _Handler._batch),
    (rf"POST /((?P<kind>space)s/)?{NAME}\.git/info/lfs/verify", _Handler._verify),
    (
        f"GET|HEAD /((?P<kind>space)s/)?{NAME}/resolve/(?P<revision>[^/]+)/(?P<path>.+)",
        _Handler._file,
    ),
    ("GET|HEAD|PUT /storage/(?P<digest>[0-9a-f]{64})", _Handler._stored),
)
