"""The verb `publish`: weights as a model repo on the Hugging Face Hub, and a Space that serves them.

Each repo is replaced in one commit, so it never holds half of a folder. Only what differs is sent, so a
command that was interrupted ends in the same state when it is started again. Begin at `publish`.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, RepoFile
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError
from huggingface_hub.utils import validate_repo_id
from huggingface_hub.utils.sha import git_hash

from skin_app.weights.contract import CONTRACT
from skin_app.weights.folder import WeightsFolder
from skin_app.weights.hub import FAULTS, PASSING, as_hub_error, be_patient
from skin_app.weights.verify import WeightsError, file_hash, verified_contract
from train.data.ham10000 import TEXT
from train.data.isic_diagnoses import IDS
from train.release.space import WEIGHTS, Files, Published, space_files

ATTRIBUTES = ".gitattributes"  # the Hub's own
CARD = "README.md"
PAGE = "skin_app/ensemble.py"  # marks a Space of this project, as CONTRACT marks weights

NOT_YOURS = (
    "The Hub does not let you write to {repo}: log in with a token that may write (`hf auth login`), "
    "or name a repo of your own."
)
CHANGED = "{repo} was changed by somebody else meanwhile: start the same command again."
REFUSALS = {
    401: NOT_YOURS,
    402: "The Hub asks to be paid for {repo}: see https://huggingface.co/pricing.",
    403: NOT_YOURS,
    404: "The Hub has no owner or repo {repo} that you may see: check the name.",
    409: CHANGED,
    412: CHANGED,
    413: "{repo} is larger than the Hub takes: see its storage limits.",
}
NOT_TAKEN = (
    "The Hub did not take a large file of {repo} ({status}): start the same command again; it goes on "
    "from there."
)
TAG_TAKEN = "{repo} has that tag already: choose another --tag."
SILENCE, PATIENCE = 120.0, 30.0  # seconds: a large commit takes the Hub long


class PublishError(RuntimeError):
    """Publishing failed, wholly or in part; the message is one sentence that says what to do."""


@dataclass(frozen=True)
class Change:
    """What publishing does to a repo: `sent` are new or changed files, `gone` those that it deletes.

    `kind`: model or space; `head`: its newest commit, None where the repo is made; `kept`: number of
    files that are the same there.
    """

    repo: str
    kind: str
    head: str | None
    private: bool
    sent: Files
    gone: tuple[str, ...]
    kept: int

    def __str__(self) -> str:
        visible = "private" if self.private else "public"
        lines = [f"{self.kind} {self.repo} ({visible}{', new' if self.head is None else ''})"]
        lines += [f"  send    {name} ({_size(own):,} bytes)" for name, own in self.sent.items()]
        lines += [f"  delete  {name}" for name in self.gone]
        lines += [f"  set     the variable {WEIGHTS}"] * (self.kind == "space")
        return "\n".join([*lines, f"  unchanged files: {self.kept}"])


@dataclass(frozen=True)
class _There:
    """What a repo holds: name -> file, at commit `head`; nothing before it is made."""

    files: Mapping[str, RepoFile]
    head: str | None
    private: bool


def publish(
    weights: WeightsFolder,
    repo: str,
    space: str | None = None,
    tag: str | None = None,
    public: bool = False,
    api: HfApi | None = None,
) -> Published:
    """Upload `weights` to the model repo `repo` (owner/name), and the page to `space` if one is named.

    New repos are private unless `public`; an existing one keeps its visibility. All files of a repo are
    replaced, so it must be empty or hold weights (or a page) of this project. `tag`: a name for the
    commit. The hashes of the upload are compared with those of the folder. Raises `PublishError`, with
    the commit if the weights were uploaded and a later step failed; and for weights of other data than
    HAM10000, because model card and page name HAM10000 and its licence.
    """
    check_publishable(weights, repo, space)
    api = _patient(repo, api)
    for kind, name in _kinds(repo, space).items():
        with _explained(name):
            sdk = "gradio" if kind == "space" else None
            api.create_repo(name, repo_type=kind, private=not public, exist_ok=True, space_sdk=sdk)
    there = {kind: _there(api, name, kind) for kind, name in _kinds(repo, space).items()}
    files = _weights_files(weights)
    message = f"Weights {weights.contract.name} ({weights.hash[:8]})"
    commit = _replace(api, _change(repo, "model", there["model"], files), message)
    published = Published(repo, commit, space, there["model"].private)
    _verify(api, published, weights, set(files))
    try:
        if space is not None:
            page = space_files(published, files)
            _replace(api, _change(space, "space", there["space"], page), f"Serve {published.source}")
            with _explained(space):
                api.add_space_variable(space, WEIGHTS, published.source)
        if tag is not None:
            _tag(api, repo, tag, commit)
    except PublishError as error:
        raise PublishError(f"The weights are published as {published.source}, but: {error}") from error
    return published


def changes(
    weights: WeightsFolder,
    repo: str,
    space: str | None = None,
    public: bool = False,
    api: HfApi | None = None,
) -> list[Change]:
    """What `publish` would do to each repo; asks the Hub what is there, and changes nothing.

    The README of a Space names the commit of the weights. Before there is one, zeros stand for it.
    Raises `PublishError` as `publish`.
    """
    check_publishable(weights, repo, space)
    api = _patient(repo, api)
    there = {kind: _there(api, name, kind, not public) for kind, name in _kinds(repo, space).items()}
    files = _weights_files(weights)
    found = [_change(repo, "model", there["model"], files)]
    if space is not None:
        same = found[0].head if not found[0].sent and not found[0].gone else None
        published = Published(repo, same or "0" * 40, space, there["model"].private)
        page = space_files(published, files)
        found.append(_change(space, "space", there["space"], page))
    return found


def check_publishable(weights: WeightsFolder, repo: str, space: str | None = None) -> None:
    """Raise `PublishError` for weights of other data or without a card, and for names that are none."""
    _check_data(weights)
    _check_card(weights.folder / CARD)
    for name in _kinds(repo, space).values():
        with _explained(name):
            validate_repo_id(name)
            if "/" not in name:
                raise PublishError(f"{name} is no name of a repo: write owner/name.")


def _patient(repo: str, api: HfApi | None) -> HfApi:
    with _explained(repo):
        be_patient(SILENCE, PATIENCE)
    return api or HfApi()


def _kinds(repo: str, space: str | None) -> dict[str, str]:
    return {"model": repo} | ({"space": space} if space is not None else {})


def _weights_files(weights: WeightsFolder) -> Files:
    names = sorted([*weights.contract.files, CONTRACT])
    return {name: weights.folder / name for name in (*names, CARD)}


def _check_data(weights: WeightsFolder) -> None:
    """Raise `PublishError` unless all images in the gallery of `weights` are HAM10000's."""
    images = pd.read_csv(weights.folder / "gallery.csv", dtype=TEXT)["image_id"]
    others = sorted(set(images) - IDS)
    if others:
        raise PublishError(
            f"{len(others)} of the images that these weights were made of are not HAM10000's (such as "
            f"{others[0]}), though model card and page say so: keep these weights on your own machine."
        )


def _check_card(card: Path) -> None:
    try:
        card.read_text("utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        raise PublishError(
            f"{card}, the model card, is missing or no text in UTF-8: assemble the weights again."
        ) from None


def _there(api: HfApi, repo: str, kind: str, private: bool | None = None) -> _There:
    """What `repo` holds. Refuses one with files, but without the file that marks one of this project.

    `private`: what a repo would be that is not there yet; None: it must be there.
    """
    with _explained(repo):
        try:
            info = api.repo_info(repo, repo_type=kind)
        except RepositoryNotFoundError as error:
            if private is None or error.response.status_code != 404:
                raise
            return _There({}, None, private)
        tree = api.list_repo_tree(repo, recursive=True, revision=info.sha, repo_type=kind)
        files = {own.path: own for own in tree if isinstance(own, RepoFile) and own.path != ATTRIBUTES}
    others = sorted({*files} - {"README.md"})
    mark = PAGE if kind == "space" else CONTRACT
    if others and mark not in files:
        raise PublishError(
            f"{repo} holds {others[0]} and no {mark}: all of its files would be replaced, so name "
            "another repo, or empty that one."
        )
    return _There(files, info.sha, bool(info.private))


def _change(repo: str, kind: str, there: _There, files: Files) -> Change:
    """What makes `repo` hold exactly `files`."""
    sent = {name: own for name, own in files.items() if not _is_same(there.files.get(name), own)}
    gone = tuple(sorted({*there.files} - {*files}))
    return Change(repo, kind, there.head, there.private, sent, gone, len(files) - len(sent))


def _is_same(there: RepoFile | None, own: bytes | Path) -> bool:
    """Whether the Hub's file has the content of ours, by the hash that the Hub gives."""
    if there is None or there.size != _size(own):
        return False
    if there.lfs is not None:
        ours = file_hash(own) if isinstance(own, Path) else hashlib.sha256(own).hexdigest()
        return there.lfs.sha256 == ours
    return there.blob_id == git_hash(own.read_bytes() if isinstance(own, Path) else own)


def _size(own: bytes | Path) -> int:
    return own.stat().st_size if isinstance(own, Path) else len(own)


def _replace(api: HfApi, change: Change, message: str) -> str:
    """Make `change` in one commit on the repo's newest one; returns the hash of the commit."""
    with _explained(change.repo):
        gone = [CommitOperationDelete(name) for name in change.gone]
        sent = [CommitOperationAdd(name, content) for name, content in change.sent.items()]
        if change.head is not None and not gone and not sent:
            return change.head
        return api.create_commit(
            change.repo,
            [*gone, *sent],
            commit_message=message,
            repo_type=change.kind,
            parent_commit=change.head,
        ).oid


def _tag(api: HfApi, repo: str, tag: str, commit: str) -> None:
    """Name `commit`. Raises `PublishError` where another commit has that name."""
    with _explained(repo, {409: TAG_TAKEN}):
        try:
            api.create_tag(repo, tag=tag, revision=commit)
        except HfHubHTTPError as error:
            tags = api.list_repo_refs(repo).tags if error.response.status_code == 409 else []
            if commit not in [own.target_commit for own in tags if own.name == tag]:
                raise


def _verify(api: HfApi, published: Published, weights: WeightsFolder, names: set[str]) -> None:
    """Compare the commit with the folder, and that with what it was before the upload.

    Raises `PublishError` for any difference.
    """
    folder = weights.folder
    with _explained(published.repo):
        found = api.verify_repo_checksums(published.repo, revision=published.commit, local_dir=folder)
    # missing: on the Hub only, such as the file that the Hub adds; extra: in our folder only
    different = {mismatch["path"] for mismatch in found.mismatches}
    different |= set(found.missing_paths) - {ATTRIBUTES}
    different |= set(found.extra_paths) & names
    if different:
        raise PublishError(
            f"{', '.join(sorted(different))} of {published.source} differ from {folder}: do not use "
            "that commit, and start the same command again."
        )
    if not _is_unchanged(weights):
        raise PublishError(
            f"{folder} was changed while it was uploaded: do not use {published.source}, and start the "
            "same command again."
        )


def _is_unchanged(weights: WeightsFolder) -> bool:
    try:
        return verified_contract(weights.folder)[1] == weights.hash
    except WeightsError:
        return False


@contextmanager
def _explained(repo: str, refusals: Mapping[int, str] | None = None) -> Iterator[None]:
    """Turn exceptions of the Hub's client into a `PublishError` about `repo`.

    `refusals`: HTTP status -> a sentence instead of that in `REFUSALS`.
    """
    try:
        yield
    except PublishError:
        raise
    except FAULTS as error:
        status = error.response.status_code if isinstance(error, HfHubHTTPError) else 0
        sentence = (REFUSALS | dict(refusals or {})).get(status, "").format(repo=repo)
        by_storage = error.__cause__ if type(error) is RuntimeError else None
        if isinstance(by_storage, HfHubHTTPError) and by_storage.response.status_code not in PASSING:
            sentence = NOT_TAKEN.format(repo=repo, status=by_storage.response.status_code)
        raise PublishError(sentence or str(as_hub_error(error, repo))) from error
