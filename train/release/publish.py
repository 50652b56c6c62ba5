"""To the Hugging Face Hub: the weights as a model repo, and a Space that serves the page with them.

Each is one commit, so a repo never holds half of a folder. A Space fetches the weights by the full hash
of their commit, and holds nothing of HAM10000.
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

from skin_app.weights.folder import CONTRACT, WeightsFolder
from skin_app.weights.hub import be_patient
from skin_app.weights.hub_faults import FAULTS, explained
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
SILENCE, PATIENCE = 120.0, 30.0  # seconds: a large commit takes the Hub long


class PublishError(RuntimeError):
    """Nothing, or only a part, was published; the message is one sentence that says what to do."""


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
    the commit where the weights are up and a later step failed; and for weights of other data than
    HAM10000, since card and page name HAM10000 and its licence.
    """
    _check_data(weights)
    for name in filter(None, (repo, space)):
        with _told(name):
            validate_repo_id(name)
            if "/" not in name:
                raise PublishError(f"{name} is no name of a repo: write owner/name.")
    hub = _Hub(api or HfApi())
    with _told(repo):
        be_patient(SILENCE, PATIENCE)
    hub.prepare(repo, "model", CONTRACT, public)
    if space is not None:
        hub.prepare(space, "space", "skin_app/ensemble.py", public)
    files = files_of(weights)
    commit = hub.replace(repo, "model", files, f"Weights {weights.contract.name} ({weights.hash[:8]})")
    published = Published(repo, commit, space, hub.is_private(repo))
    hub.verify(published, weights.folder, set(files))
    try:
        if space is not None:
            fetched = [name for name in files if name != "README.md"]
            hub.replace(space, "space", space_files(published, fetched), f"Serve {published.source}")
            hub.serve(space, published)
        if tag is not None:
            hub.tag(published, tag)
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
            f"{others[0]}), though card and page say so: use these weights on your own machine only."
        )


def files_of(weights: WeightsFolder) -> dict[str, bytes | Path]:
    """Name in the repo -> file: those that the contract lists, the contract, and the model card."""
    names = sorted([*weights.contract.files, CONTRACT, "README.md"])
    return {name: weights.folder / name for name in names}


def space_files(published: Published, fetched: Iterable[str]) -> dict[str, bytes | Path]:
    """Name in the Space -> file: the page's code, and a README with the Space's settings.

    `fetched`: names of the weights' files that the Space fetches when it is built. Private weights are
    fetched when it starts, because it is built without its secrets.
    """
    found = (path for pattern in SPACE_FILES for path in sorted(ROOT.glob(pattern)))
    files: dict[str, bytes | Path] = {
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


class _Hub:
    """The calls to the Hub; each raises `PublishError` with one sentence."""

    def __init__(self, api: HfApi) -> None:
        self.api = api

    def prepare(self, repo: str, repo_type: str, mark: str, public: bool) -> None:
        """Create `repo` if need be; refuse one that has files but not `mark`, a file of ours."""
        with _told(repo):
            sdk = "gradio" if repo_type == "space" else None
            self.api.create_repo(
                repo, repo_type=repo_type, private=not public, exist_ok=True, space_sdk=sdk
            )
            there = set(self.api.list_repo_files(repo, repo_type=repo_type)) - {ATTRIBUTES, "README.md"}
            if there and mark not in there:
                raise PublishError(
                    f"{repo} holds {sorted(there)[0]} and no {mark}: all of its files would be "
                    "replaced, so name another repo, or empty that one."
                )

    def replace(self, repo: str, repo_type: str, files: dict[str, bytes | Path], message: str) -> str:
        """Make `repo` hold exactly `files`, in one commit; returns its hash."""
        with _told(repo):
            there = self.api.list_repo_files(repo, repo_type=repo_type)
            gone = [
                CommitOperationDelete(name)
                for name in there
                if name not in files and name != ATTRIBUTES
            ]
            added = [CommitOperationAdd(name, content) for name, content in files.items()]
            info = self.api.create_commit(
                repo, [*gone, *added], commit_message=message, repo_type=repo_type
            )
            return info.oid

    def is_private(self, repo: str) -> bool:
        with _told(repo):
            return bool(self.api.repo_info(repo, repo_type="model").private)

    def verify(self, published: Published, folder: Path, names: set[str]) -> None:
        """Compare the commit with `folder`. Raises `PublishError` for any difference."""
        with _told(published.repo):
            found = self.api.verify_repo_checksums(
                published.repo, revision=published.commit, local_dir=folder
            )
        # missing: on the Hub only, such as the file that the Hub adds; extra: in our folder only
        different = {mismatch["path"] for mismatch in found.mismatches}
        different |= set(found.missing_paths) - {ATTRIBUTES}
        different |= set(found.extra_paths) & names
        if different:
            raise PublishError(
                f"{', '.join(sorted(different))} of {published.source} differ from {folder}: do not "
                "use that commit, and start the same command again."
            )

    def serve(self, space: str, published: Published) -> None:
        with _told(space):
            self.api.add_space_variable(space, "SKIN_APP_WEIGHTS", published.source)

    def tag(self, published: Published, tag: str) -> None:
        with _told(published.repo, {409: TAG_TAKEN}):
            self.api.create_tag(published.repo, tag=tag, revision=published.commit)


@contextmanager
def _told(repo: str, refusals: Mapping[int, str] | None = None) -> Iterator[None]:
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
        raise PublishError(sentence or str(explained(error, repo))) from error
