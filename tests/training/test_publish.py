"""Publishing to a stand-in for the Hub: what is uploaded where, and what is said when it fails."""

import hashlib
import inspect
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.lfs import _validate_batch_actions

from skin_app.weights.contract import CONTRACT
from skin_app.weights.folder import EMBEDDED, open_weights
from tests.hub import stand_in
from tests.tiny import write_weights
from train.__main__ import main
from train.release.publish import ATTRIBUTES, ROOT, Published, PublishError, publish

COMMIT = "0123456789" * 4
WEIGHTS = open_weights()


class Hub:
    """Repos as dictionaries; every call must fit the signature of the installed library."""

    def __init__(
        self, spoil: str | None = None, refuse: int | None = None, kind: str = "model"
    ) -> None:
        self.repos: dict[tuple[str, str], dict[str, bytes]] = {}
        self.private: set[tuple[str, str]] = set()
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.spoil, self.refuse, self.refused_kind = spoil, refuse, kind

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            bound = inspect.signature(getattr(HfApi, name)).bind(self, *args, **kwargs)
            bound.apply_defaults()
            self.calls.append((name, bound.arguments))
            own = bound.arguments
            return getattr(self, f"_{name}")(own, (own["repo_id"], own.get("repo_type") or "model"))

        return call

    def _create_repo(self, own: dict[str, Any], where: tuple[str, str]) -> None:
        if self.refuse is not None and where[1] == self.refused_kind:
            raise refusal(self.refuse)
        if where not in self.repos:
            self.repos[where] = {ATTRIBUTES: b""}
            self.private |= {where} if own["private"] else set()

    def _list_repo_files(self, _own: dict[str, Any], where: tuple[str, str]) -> list[str]:
        return list(self.repos[where])

    def _create_commit(self, own: dict[str, Any], where: tuple[str, str]) -> SimpleNamespace:
        files = self.repos[where]
        for operation in own["operations"]:
            if isinstance(operation, CommitOperationDelete):
                del files[operation.path_in_repo]
            else:
                assert isinstance(operation, CommitOperationAdd)
                content = operation.path_or_fileobj
                read = content if isinstance(content, bytes) else Path(str(content)).read_bytes()
                files[operation.path_in_repo] = read
        return SimpleNamespace(oid=COMMIT)

    def _verify_repo_checksums(self, own: dict[str, Any], where: tuple[str, str]) -> SimpleNamespace:
        assert own["revision"] == COMMIT
        folder, there = Path(own["local_dir"]), self.repos[where]
        different = [
            {"path": name}
            for name, content in there.items()
            if name != ATTRIBUTES and _hash((folder / name).read_bytes()) != _hash(content)
        ]
        wrong = [{"path": self.spoil}] if self.spoil else []
        here = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        return SimpleNamespace(
            mismatches=different + wrong,
            missing_paths=sorted(set(there) - here),  # as the library has it: there and not here
            extra_paths=sorted(here - set(there)),
        )

    def _repo_info(self, _own: dict[str, Any], where: tuple[str, str]) -> SimpleNamespace:
        return SimpleNamespace(private=where in self.private)

    def _create_tag(self, own: dict[str, Any], _where: tuple[str, str]) -> None:
        assert own["revision"] == COMMIT

    def _add_space_variable(self, own: dict[str, Any], _where: tuple[str, str]) -> None:
        assert own["value"] == f"me/lesions@{COMMIT}"


def refusal(status: int) -> HfHubHTTPError:
    response = SimpleNamespace(status_code=status, headers={}, request=None)
    return HfHubHTTPError("no", response=response)  # type: ignore[arg-type]


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def called(hub: Hub, name: str) -> list[dict[str, Any]]:
    return [arguments for own, arguments in hub.calls if own == name]


def upload(hub: Hub, *repos: str, **options: Any) -> Published:
    return publish(WEIGHTS, *repos, api=hub, **options)  # type: ignore[arg-type]


def test_the_repo_holds_the_whole_weights_folder_and_the_app_can_open_it(tmp_path: Path) -> None:
    hub = Hub()
    before = {ATTRIBUTES: b"", "member-9/model.safetensors": b"old", CONTRACT: b"{}"}
    hub.repos["me/lesions", "model"] = before
    assert upload(hub, "me/lesions", tag="v1").source == f"me/lesions@{COMMIT}"
    there = hub.repos["me/lesions", "model"]
    assert set(there) == {*WEIGHTS.contract.files, CONTRACT, "README.md", ATTRIBUTES}
    assert len(called(hub, "create_commit")) == 1
    assert called(hub, "create_repo")[0]["private"]
    assert called(hub, "create_tag")[0]["tag"] == "v1"
    assert [repo for repo, _ in hub.repos] == ["me/lesions"]
    for name, content in there.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert open_weights(tmp_path).contract == WEIGHTS.contract  # which also checks every hash


def test_a_repo_that_holds_something_else_is_left_alone() -> None:
    hub = Hub()
    hub.repos["me/other", "model"] = {ATTRIBUTES: b"", "pytorch_model.bin": b"precious"}
    with pytest.raises(PublishError, match=r"me/other holds pytorch_model\.bin and no ensemble\.json"):
        upload(hub, "me/other")
    hub.repos["me/page", "space"] = {ATTRIBUTES: b"", "app.py": b"another"}
    with pytest.raises(PublishError, match=r"me/page holds app\.py"):
        upload(hub, "me/lesions", "me/page")
    assert not called(hub, "create_commit")


def test_weights_of_other_data_are_not_published_as_those_of_ham10000(tmp_path: Path) -> None:
    hub = Hub()
    weights = open_weights(write_weights(tmp_path / "weights"))
    with pytest.raises(PublishError, match=r"30 of the images .* are not HAM10000's .*ISIC_9000000"):
        publish(weights, "me/lesions", api=hub)  # type: ignore[arg-type]
    assert not hub.calls


def test_the_space_holds_the_page_and_pins_the_weights() -> None:
    hub = Hub()
    upload(hub, "me/lesions", "me/page", public=True)
    space = hub.repos["me/page", "space"]
    assert {"app.py", "requirements.txt", "LICENSE", "skin_app/page/static/page.css"} <= set(space)
    assert space["app.py"] == (ROOT / "app.py").read_bytes()
    code = {path.relative_to(ROOT).as_posix() for path in (ROOT / "skin_app").rglob("*.py")}
    assert code <= set(space)
    assert not any(name.startswith(("train/", "tests/", "weights/")) for name in space)
    assert not any("__pycache__" in name for name in space)
    _, front, text = space["README.md"].decode().split("---\n", 2)
    settings = yaml.safe_load(front)
    assert settings["sdk"] == "gradio"
    assert settings["app_file"] == "app.py"
    assert settings["python_version"] == "3.12"
    assert settings["models"] == ["me/lesions"]
    repo, files, commit = settings["preload_from_hub"][0].split(" ")
    assert (repo, commit) == ("me/lesions", COMMIT)
    assert set(files.split(",")) == {*WEIGHTS.contract.files, CONTRACT}
    assert "not a medical device" in text
    assert not called(hub, "create_commit")[0]["create_pr"]
    (variable,) = called(hub, "add_space_variable")
    assert variable["key"] == "SKIN_APP_WEIGHTS"
    assert [own["space_sdk"] for own in called(hub, "create_repo")] == [None, "gradio"]
    assert not any(own["private"] for own in called(hub, "create_repo"))


def test_a_space_of_private_weights_fetches_them_when_it_starts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hub = Hub()
    monkeypatch.setattr("train.release.publish.HfApi", lambda: hub)
    assert main(["publish", "--repo", "me/lesions", "--space", "me/page"]) == 0
    said = capsys.readouterr().out
    assert f"me/lesions@{COMMIT}" in said
    assert "secret HF_TOKEN" in said
    assert b"preload_from_hub" not in hub.repos["me/page", "space"]["README.md"]
    assert yaml.safe_load(hub.repos["me/page", "space"]["README.md"].decode().split("---\n")[1])["sdk"]


def test_a_failure_after_the_weights_were_published_names_them() -> None:
    hub = Hub()

    def refuse(_own: dict[str, Any], _where: tuple[str, str]) -> None:
        raise refusal(409)

    hub._create_tag = refuse  # type: ignore[method-assign]
    with pytest.raises(PublishError, match=f"published as me/lesions@{COMMIT}, but: .*another --tag"):
        upload(hub, "me/lesions", tag="v1")


@pytest.mark.parametrize(
    ("status", "kind", "sentence"),
    [(402, "space", "to be paid for me/page"), (409, "model", "start the same command again")],
)
def test_a_repo_that_cannot_be_made_stops_before_anything_is_uploaded(
    status: int, kind: str, sentence: str
) -> None:
    hub = Hub(refuse=status, kind=kind)
    with pytest.raises(PublishError, match=sentence):
        upload(hub, "me/lesions", "me/page")
    assert not called(hub, "create_commit")


def test_a_broken_upload_is_one_sentence() -> None:
    hub = Hub()

    def broken(_own: dict[str, Any], _where: tuple[str, str]) -> None:
        _validate_batch_actions({})  # the client's, a ValueError

    hub._create_commit = broken  # type: ignore[method-assign, assignment]
    with pytest.raises(PublishError, match="start the same command again"):
        upload(hub, "me/lesions")


def test_an_upload_that_differs_is_told_and_not_served() -> None:
    hub = Hub(spoil="member-0/model.safetensors")
    with pytest.raises(PublishError, match=r"member-0/model\.safetensors of me/lesions@\d+ differ"):
        upload(hub, "me/lesions", "me/page", tag="v1")
    assert set(hub.repos["me/page", "space"]) == {ATTRIBUTES}
    assert not called(hub, "create_tag")


@pytest.mark.parametrize("name", ["lesions", "me/le sions", "me/a/b", "--oops--/.."])
def test_a_name_that_is_none_is_refused_before_anything_is_sent(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    hub = Hub()
    with pytest.raises(PublishError):
        upload(hub, name)
    assert not hub.calls
    assert main(["publish", "--repo", "me/lesions", "--space", "no name"]) == 2
    assert "owner/name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (401, {}, "does not let you write to me/lesions"),
        (403, {}, "does not let you write to me/lesions"),
        (404, {"X-Error-Code": "RepoNotFound"}, "no owner or repo me/lesions"),
        (412, {}, "changed by somebody else meanwhile"),
        (429, {"Retry-After": "300"}, "try again in 5 minutes (300 s)"),
        (500, {}, "fault of its own (500)"),
        (503, {"Retry-After": "20"}, "fault of its own (503): try again in 20 seconds"),
    ],
)
def test_what_the_hub_answers_is_one_sentence_without_the_token(
    status: int,
    headers: dict[str, str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("train.release.publish.PATIENCE", 0.0)
    with stand_in(tmp_path) as hub:
        hub.answers[""] = (status, headers)
        api = HfApi(endpoint=hub.url, token="hf_secretsecret")
        monkeypatch.setattr("train.release.publish.HfApi", lambda: api)
        assert main(["publish", "--weights", str(EMBEDDED), "--repo", "me/lesions"]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert "hf_secretsecret" not in said


def test_without_a_network_nothing_happens(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = HfApi(endpoint="http://127.0.0.1:9", token="hf_none")
    monkeypatch.setattr("train.release.publish.HfApi", lambda: nowhere)
    assert main(["publish", "--weights", str(EMBEDDED), "--repo", "me/lesions"]) == 2
    assert "127.0.0.1 refuses connections" in capsys.readouterr().err
