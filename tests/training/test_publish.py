"""Publishing by the installed client over HTTP: what goes where, what interrupts it, what is said."""

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from huggingface_hub import HfApi, SpaceCard
from huggingface_hub.lfs import _validate_batch_actions

from skin_app.weights import hub as client
from skin_app.weights.contract import CONTRACT
from skin_app.weights.folder import WeightsError, WeightsFolder, open_weights, read_folder
from skin_app.words.hub import WRONG_ENDPOINT
from tests.hub import READER, WRITER, StandIn, stand_in, use_hub
from tests.hub_repos import ATTRIBUTES, HubRepo
from tests.tiny import write_weights
from train.__main__ import main
from train.data.isic_diagnoses import IDS
from train.release import space
from train.release.publish import PublishError, changes, publish
from train.release.space import ROOT, Published

MODEL, SPACE = ("model", "me/lesions"), ("space", "me/page")
FEW = ("app.py", "requirements.txt", "skin_app/ensemble.py", "skin_app/page/examples/globules.jpg")
LARGE, WEIGHTS_README = "member-0/model.safetensors", "README.md"
COMMAND = ["publish", "--repo", "me/lesions", "--space", "me/page", "--weights"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> WeightsFolder:
    return read_folder(write_weights(tmp_path_factory.mktemp("publish") / "weights"), "test")


@pytest.fixture(autouse=True)
def these_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the images of the test's weights for HAM10000's, and do not try again."""
    ids = frozenset(f"ISIC_{9_000_000 + number}" for number in range(100))
    monkeypatch.setattr("train.release.publish.IDS", ids)
    monkeypatch.setattr("train.release.publish.PATIENCE", 0.0)
    monkeypatch.setattr(client, "PATIENCE", 0.0)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    with stand_in() as standing:
        use_hub(monkeypatch, standing.url, tmp_path / "cache", WRITER)
        yield standing


def files_of(hub: StandIn, where: tuple[str, str]) -> dict[str, bytes]:
    repo = hub.repos[where]
    return repo.commits[repo.head]


def test_what_is_published_is_pulled_again_by_its_commit(hub: StandIn, weights: WeightsFolder) -> None:
    before = {".gitattributes": ATTRIBUTES, "member-9/model.safetensors": b"old\0", CONTRACT: b"{}"}
    hub.add(HubRepo("me/lesions", private=True)).commit(before)
    published = publish(weights, "me/lesions", tag="v1")
    repo = hub.repos[MODEL]
    assert published == Published("me/lesions", repo.head, private=True)
    assert repo.tags == {"v1": repo.head}
    assert len(repo.commits) == 2
    wanted = {*weights.contract.files, CONTRACT, "README.md", ".gitattributes"}
    assert {*files_of(hub, MODEL)} == wanted
    pulled = open_weights(published.source)
    assert (pulled.hash, pulled.contract) == (weights.hash, weights.contract)
    assert hub.with_token == []  # the storage of large files is another host
    assert not any("xet" in path for path in hub.asked)
    hub.answers[""] = (503, {})
    assert open_weights(published.source).hash == weights.hash  # from the cache


def test_a_file_that_the_hub_changed_is_told_and_not_served(
    hub: StandIn, weights: WeightsFolder
) -> None:
    hub.spoils = LARGE
    with pytest.raises(PublishError, match=rf"{LARGE} of me/lesions@\w+ differ"):
        publish(weights, "me/lesions", "me/page", tag="v1")
    assert len(hub.repos[SPACE].commits) == 1
    assert hub.repos[MODEL].tags == {}
    with pytest.raises(WeightsError, match=rf"{LARGE} in .* is damaged or was changed"):
        open_weights(f"me/lesions@{hub.repos[MODEL].head}")
    hub.spoils = ""
    assert open_weights(publish(weights, "me/lesions").source).hash == weights.hash


def test_a_repo_that_holds_something_else_is_left_alone(hub: StandIn, weights: WeightsFolder) -> None:
    other = {".gitattributes": b"", "pytorch_model.bin": b"precious"}
    hub.add(HubRepo("me/other")).commit(other)
    with pytest.raises(PublishError, match=r"me/other holds pytorch_model\.bin and no ensemble\.json"):
        publish(weights, "me/other")
    hub.add(HubRepo("me/page", "space")).commit({"app.py": b"another"})
    with pytest.raises(PublishError, match=r"me/page holds app\.py"):
        publish(weights, "me/lesions", "me/page")
    assert files_of(hub, ("model", "me/other")) == other
    assert not any("/commit/" in path for path in hub.asked)


def test_weights_of_other_data_are_not_published_as_those_of_ham10000(
    hub: StandIn, weights: WeightsFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("train.release.publish.IDS", IDS)
    with pytest.raises(PublishError, match=r"30 of the images .* are not HAM10000's .*ISIC_9000000"):
        publish(weights, "me/lesions")
    assert hub.asked == []


def test_weights_without_a_model_card_are_told_before_anything_is_sent(
    hub: StandIn, tmp_path: Path
) -> None:
    weights = read_folder(write_weights(tmp_path / "weights"), "test")
    card = weights.folder / "README.md"
    card.write_bytes(b"L\xe4sion")
    with pytest.raises(PublishError, match="model card, is missing or no text"):
        publish(weights, "me/lesions")
    card.unlink()
    with pytest.raises(PublishError, match="model card, is missing or no text"):
        publish(weights, "me/lesions")
    assert hub.asked == []


def test_an_address_of_the_hub_that_is_none_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://[::1")
    assert main([*COMMAND, "weights"]) == 2
    assert capsys.readouterr().err == f"error: {WRONG_ENDPOINT}\n"


def test_a_stray_file_does_not_go_to_the_space(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("ensemble.py", "photo.jpg", "notes.txt", "page/static/page.css.orig", "page/.env"):
        (tmp_path / "skin_app" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "skin_app" / name).touch()
    monkeypatch.setattr(space, "ROOT", tmp_path)
    files = space.space_files(Published("me/lesions", "0" * 40, "me/page"), [])
    assert set(files) == {"skin_app/ensemble.py", "README.md"}


def test_every_tracked_file_of_the_page_goes_to_the_space() -> None:
    files = space.space_files(Published("me/lesions", "0" * 40, "me/page"), [])
    if not (ROOT / ".git").exists():
        pytest.skip("no checkout by git: it cannot be told which files belong to the page")
    tracked = subprocess.run(
        ["git", "ls-files", "skin_app"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert set(tracked.stdout.splitlines()) <= set(files)


def test_the_space_holds_the_page_and_pins_the_weights(hub: StandIn, weights: WeightsFolder) -> None:
    published = publish(weights, "me/both", "me/both", public=True)
    page = files_of(hub, ("space", "me/both"))
    assert {"app.py", "requirements.txt", "LICENSE", "skin_app/page/static/page.css"} <= set(page)
    assert page["app.py"] == (ROOT / "app.py").read_bytes()
    code = {path.relative_to(ROOT).as_posix() for path in (ROOT / "skin_app").rglob("*.py")}
    assert code <= set(page)
    assert not any(name.startswith(("train/", "tests/", "weights/")) for name in page)
    assert not any("__pycache__" in name for name in page)
    settings = SpaceCard(page["README.md"].decode()).data
    assert (settings["sdk"], settings["app_file"], settings["python_version"]) == (
        "gradio",
        "app.py",
        "3.12",
    )
    assert settings["sdk_version"] == version("gradio")
    assert (settings["models"], settings["license"]) == (["me/both"], "cc-by-nc-4.0")
    repo, names, commit = settings["preload_from_hub"][0].split(" ")
    assert (repo, commit) == ("me/both", published.commit)
    assert set(names.split(",")) == {*weights.contract.files, CONTRACT, "README.md"}
    assert hub.repos["space", "me/both"].variables == {"SKIN_APP_WEIGHTS": published.source}
    assert not any(repo.private for repo in hub.repos.values())


@pytest.mark.slow
def test_the_space_needs_no_code_but_its_own(
    hub: StandIn, weights: WeightsFolder, tmp_path: Path
) -> None:
    publish(weights, "me/lesions", "me/page")
    folder = hub.repos[SPACE].clone(tmp_path / "space")
    code = "import app, sys; print(*map(str, sys.modules.values()), sep='\\n')"
    alone = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=alone, capture_output=True, text=True, timeout=200
    )
    own = [line for line in done.stdout.splitlines() if line.startswith("<module 'skin_app")]
    assert done.returncode == 0, done.stderr
    assert len(own) > 30
    assert all(str(folder) in line for line in own)
    assert not any("<module 'train" in line for line in done.stdout.splitlines())


def test_a_space_of_private_weights_fetches_them_when_it_starts(
    hub: StandIn, weights: WeightsFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*COMMAND, str(weights.folder)]) == 0
    said = capsys.readouterr().out
    assert f"me/lesions@{hub.repos[MODEL].head}" in said
    assert "secret HF_TOKEN" in said
    readme = files_of(hub, SPACE)["README.md"].decode()
    assert SpaceCard(readme).data.get("preload_from_hub") is None
    assert "not a medical device" in SpaceCard(readme).text


def test_a_dry_run_lists_exactly_what_is_sent_and_deleted_then(
    hub: StandIn, weights: WeightsFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    old = {CONTRACT: b"{}", "member-9/model.safetensors": b"old", "gallery.csv": b"old"}
    kept = {WEIGHTS_README: (weights.folder / WEIGHTS_README).read_bytes()}
    before = hub.add(HubRepo("me/lesions")).commit(old | kept)
    assert main([*COMMAND, str(weights.folder), "--tag", "v1", "--dry-run"]) == 0
    assert hub.written == []
    assert [*hub.repos] == [MODEL]
    said = capsys.readouterr().out
    listed = {
        where: {
            how: {line.split()[1] for line in part.splitlines() if line.startswith(f"  {how} ")}
            for how in ("send", "delete")
        }
        for where, part in zip((MODEL, SPACE), said.split("\nspace "), strict=True)
    }
    assert said.startswith("model me/lesions (public)\n")
    assert "\nspace me/page (private, new)\n" in said
    assert "(2 bytes)" not in said
    assert "\n  set     the variable SKIN_APP_WEIGHTS\n" in said
    assert said.endswith("\ntag v1\nnothing was sent\n")

    assert main([*COMMAND, str(weights.folder)]) == 0
    for where, own in listed.items():
        repo = hub.repos[where]
        first = repo.commits[before if where == MODEL else next(iter(repo.commits))]
        last = repo.commits[repo.head]
        assert own["send"] == {name for name, content in last.items() if first.get(name) != content}
        assert own["delete"] == {*first} - {*last} - {".gitattributes"}
    assert listed[MODEL]["delete"] == {"member-9/model.safetensors"}
    assert not any(own.sent or own.gone for own in changes(weights, "me/lesions", "me/page"))
    commits = [len(repo.commits) for repo in hub.repos.values()]
    assert main([*COMMAND, str(weights.folder)]) == 0
    assert [len(repo.commits) for repo in hub.repos.values()] == commits  # nothing new to commit


def test_publishing_that_is_interrupted_at_any_request_ends_in_the_same_state(
    hub: StandIn, weights: WeightsFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(space, "SPACE_FILES", FEW)

    def run() -> None:
        publish(weights, "me/lesions", "me/page", tag="v1")

    def forget() -> None:
        for of_the_last in (hub.repos, hub.stored, hub.asked, hub.methods):
            of_the_last.clear()

    run()
    wanted, count = hub.state, len(hub.asked)
    assert count > 20
    for hub.acts_first in (False, True):
        for number in range(1, count + 1):
            forget()
            hub.dies_at = number
            with pytest.raises(PublishError):
                run()
            hub.dies_at = None
            run()
            assert hub.state == wanted, hub.asked[number - 1]


def test_a_short_fault_is_waited_for(
    hub: StandIn, weights: WeightsFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("train.release.publish.PATIENCE", 20.0)
    hub.answers["/storage/"] = (503, {"Retry-After": "0"})
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda _: hub.answers.clear())
    assert publish(weights, "me/lesions").commit == hub.repos[MODEL].head
    assert hub.answers == {}


@pytest.mark.slow
def test_the_command_publishes_to_hf_endpoint(
    hub: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    command = [sys.executable, "-m", "train", *COMMAND[:-1], "--tag", "v1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    source = f"me/lesions@{hub.repos[MODEL].tags['v1']}"
    assert done.stdout.splitlines()[0] == f"published as {source}"
    assert hub.repos[SPACE].variables == {"SKIN_APP_WEIGHTS": source}
    assert open_weights(source).hash == open_weights().hash


def test_a_tag_of_another_commit_is_left_and_the_published_weights_are_named(
    hub: StandIn, weights: WeightsFolder
) -> None:
    repo = hub.add(HubRepo("me/lesions"))
    repo.tags["v1"] = repo.commit({CONTRACT: b"{}"})
    with pytest.raises(PublishError, match=r"published as me/lesions@\w+, but: .*another --tag"):
        publish(weights, "me/lesions", tag="v1")
    assert repo.tags["v1"] != repo.head


def test_a_repo_that_somebody_else_changes_meanwhile_is_left(
    hub: StandIn, weights: WeightsFolder
) -> None:
    repo = hub.add(HubRepo("me/lesions"))
    repo.commit({CONTRACT: b"{}"})
    hub.before_commit = lambda: repo.commit({CONTRACT: b"{}", "new": b"theirs"})
    with pytest.raises(PublishError, match="changed by somebody else meanwhile"):
        publish(weights, "me/lesions")
    assert "new" in files_of(hub, MODEL)


def test_a_space_that_must_be_paid_for_stops_before_anything_is_uploaded(
    hub: StandIn, weights: WeightsFolder
) -> None:
    hub.add(HubRepo("me/lesions")).commit({CONTRACT: b"{}"})
    hub.answers["/api/repos/create"] = (402, {})
    with pytest.raises(PublishError, match="to be paid for me/page"):
        publish(weights, "me/lesions", "me/page")
    assert len(hub.repos[MODEL].commits) == 1


@pytest.mark.usefixtures("hub")
def test_a_broken_upload_is_one_sentence(
    weights: WeightsFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        _validate_batch_actions({})  # the client's, a ValueError

    monkeypatch.setattr(HfApi, "create_commit", broken)
    with pytest.raises(PublishError, match="start the same command again"):
        publish(weights, "me/lesions")


@pytest.mark.parametrize("name", ["lesions", "me/le sions", "me/a/b", "--oops--/.."])
def test_a_name_that_is_none_is_refused_before_anything_is_sent(
    name: str, hub: StandIn, weights: WeightsFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(PublishError):
        publish(weights, name)
    assert hub.asked == []
    wrong = ["publish", "--weights", str(weights.folder), "--repo", "me/lesions", "--space", "no name"]
    assert main(wrong) == 2
    assert "owner/name" in capsys.readouterr().err


@pytest.mark.parametrize("at", ["", "/me/lesions.git", "/storage/", "/api/models/me/lesions/commit"])
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
    at: str,
    status: int,
    headers: dict[str, str],
    words: str,
    hub: StandIn,
    weights: WeightsFolder,
    capsys: pytest.CaptureFixture[str],
) -> None:
    hub.answers[at] = (status, headers)
    assert main([*COMMAND, str(weights.folder)]) == 2
    said = capsys.readouterr().err
    own = f"did not take a large file of me/lesions ({status})"
    assert (own if at == "/storage/" and status < 429 else words) in said.splitlines()[-1]
    assert WRITER not in said
    assert MODEL not in hub.repos or len(hub.repos[MODEL].commits) == 1


def test_a_token_that_may_only_read_is_told_so(
    hub: StandIn, weights: WeightsFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", READER)
    with pytest.raises(PublishError, match="log in with a token that may write"):
        publish(weights, "me/lesions")
    assert hub.repos == {}


def test_without_a_network_nothing_happens(
    weights: WeightsFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use_hub(monkeypatch, "http://127.0.0.1:9", tmp_path, WRITER)
    for act in (publish, changes):
        with pytest.raises(PublishError, match=r"127\.0\.0\.1 refuses connections"):
            act(weights, "me/lesions")


def test_weights_that_change_after_they_were_checked_are_told(hub: StandIn, tmp_path: Path) -> None:
    weights = read_folder(write_weights(tmp_path / "weights"), "test")
    member = weights.folder / LARGE
    member.write_bytes(member.read_bytes()[:-1] + b"\x7f")
    with pytest.raises(
        PublishError, match=r"weights was changed while it was uploaded: do not use me/"
    ):
        publish(weights, "me/lesions")
    assert files_of(hub, MODEL)[LARGE].endswith(b"\x7f")
