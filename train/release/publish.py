"""The verb `publish`: weights as a model repo on the Hugging Face Hub, and a Space that serves them.

Each repo is replaced in one commit, so it never holds half of a folder. The Space fetches the weights
by the full hash of their commit; none of its own files comes from HAM10000. Begin at `publish`.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pandas as pd
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import validate_repo_id

from skin_app.weights.contract import CONTRACT
from skin_app.weights.folder import WeightsFolder
from skin_app.weights.hub import FAULTS, as_hub_error, be_patient
from train.data.ham10000 import TEXT
from train.data.isic_diagnoses import IDS
from train.documents.template import filled

ROOT = Path(__file__).resolve().parents[2]
SPACE_FILES = ("app.py", "requirements.txt", "LICENSE", "skin_app/**/*")
SPACE_PYTHON = "3.12"
UNWANTED = ("__pycache__", ".pyc")
ATTRIBUTES = ".gitattributes"  # the Hub's own

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
TAG_TAKEN = "{repo} has that tag already: choose another --tag."
Files = dict[str, bytes | Path]  # name in a repo -> content, or the file that holds it
SILENCE, PATIENCE = 120.0, 30.0  # seconds: a large commit takes the Hub long


class PublishError(RuntimeError):
    """Publishing failed, wholly or in part; the message is one sentence that says what to do."""


@dataclass(frozen=True)
class Published:
    """Where the weights are: `repo` at `commit` (40 hex digits), and the Space that serves them."""

    repo: str
    commit: str
    space: str | None = None
    private: bool = False

    @property
    def source(self) -> str:
        """What `SKIN_APP_WEIGHTS` takes."""
        return f"{self.repo}@{self.commit}"


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
    _check_data(weights)
    for name in filter(None, (repo, space)):
        with _explained(name):
            validate_repo_id(name)
            if "/" not in name:
                raise PublishError(f"{name} is no name of a repo: write owner/name.")
    api = api or HfApi()
    with _explained(repo):
        be_patient(SILENCE, PATIENCE)
    _prepare(api, repo, "model", CONTRACT, public)
    if space is not None:
        _prepare(api, space, "space", "skin_app/ensemble.py", public)
    names = sorted([*weights.contract.files, CONTRACT])
    files: Files = {name: weights.folder / name for name in (*names, "README.md")}
    message = f"Weights {weights.contract.name} ({weights.hash[:8]})"
    commit = _replace(api, repo, "model", files, message)
    with _explained(repo):
        private = bool(api.repo_info(repo, repo_type="model").private)
    published = Published(repo, commit, space, private)
    _verify(api, published, weights.folder, set(files))
    try:
        if space is not None:
            page = space_files(published, names)
            _replace(api, space, "space", page, f"Serve {published.source}")
            with _explained(space):
                api.add_space_variable(space, "SKIN_APP_WEIGHTS", published.source)
        if tag is not None:
            with _explained(repo, {409: TAG_TAKEN}):
                api.create_tag(repo, tag=tag, revision=commit)
    except PublishError as error:
        raise PublishError(f"The weights are published as {published.source}, but: {error}") from error
    return published


def _check_data(weights: WeightsFolder) -> None:
    """Raise `PublishError` unless all images in the gallery of `weights` are HAM10000's."""
    images = pd.read_csv(weights.folder / "gallery.csv", dtype=TEXT)["image_id"]
    others = sorted(set(images) - IDS)
    if others:
        raise PublishError(
            f"{len(others)} of the images that these weights were made of are not HAM10000's (such as "
            f"{others[0]}), though model card and page say so: keep these weights on your own machine."
        )


def space_files(published: Published, fetched: Iterable[str]) -> Files:
    """Name in the Space -> file: the page's code, and a README with the Space's settings.

    `fetched`: names of the weights' files that the Space fetches when it is built. Private weights are
    fetched when it starts, because it is built without its secrets.
    """
    found = (path for pattern in SPACE_FILES for path in sorted(ROOT.glob(pattern)))
    files: Files = {
        path.relative_to(ROOT).as_posix(): path
        for path in found
        if path.is_file() and not any(part in path.as_posix() for part in UNWANTED)
    }
    readme = filled(
        "space.md",
        published=published,
        fetched=fetched,
        gradio=version("gradio"),
        python=SPACE_PYTHON,
    )
    return files | {"README.md": readme.encode()}


def _prepare(api: HfApi, repo: str, repo_type: str, mark: str, public: bool) -> None:
    """Create `repo` if need be. Refuse one that has files, but not `mark`, a file of this project."""
    with _explained(repo):
        sdk = "gradio" if repo_type == "space" else None
        api.create_repo(repo, repo_type=repo_type, private=not public, exist_ok=True, space_sdk=sdk)
        there = set(api.list_repo_files(repo, repo_type=repo_type)) - {ATTRIBUTES, "README.md"}
        if there and mark not in there:
            raise PublishError(
                f"{repo} holds {sorted(there)[0]} and no {mark}: all of its files would be replaced, "
                "so name another repo, or empty that one."
            )


def _replace(api: HfApi, repo: str, repo_type: str, files: Files, message: str) -> str:
    """Make `repo` hold exactly `files`, in one commit; returns its hash."""
    with _explained(repo):
        there = set(api.list_repo_files(repo, repo_type=repo_type))
        gone = [CommitOperationDelete(name) for name in there - {*files, ATTRIBUTES}]
        added = [CommitOperationAdd(name, content) for name, content in files.items()]
        operations = [*gone, *added]
        return api.create_commit(repo, operations, commit_message=message, repo_type=repo_type).oid


def _verify(api: HfApi, published: Published, folder: Path, names: set[str]) -> None:
    """Compare the commit with `folder`. Raises `PublishError` for any difference."""
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
        raise PublishError(sentence or str(as_hub_error(error, repo))) from error
