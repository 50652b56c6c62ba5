"""To the Hugging Face Hub: the weights as a model repo, and a Space that serves the page with them.

Each is one commit, so a repo never holds half of a folder. A Space gets the weights by the full hash of
their commit, as the app asks for, and nothing of HAM10000 but what the weights folder holds.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    HTTPError,  # pyright: ignore[reportPrivateImportUsage]  # of the http library that it uses
)
from huggingface_hub.utils import validate_repo_id

from skin_app.weights import CONTRACT, WeightsFolder

ROOT = Path(__file__).resolve().parent.parent
SPACE_FILES = ("app.py", "requirements.txt", "LICENSE", "skin_app/**/*")
SPACE_PYTHON = "3.12"
UNWANTED = ("__pycache__", ".pyc")
ATTRIBUTES = ".gitattributes"  # the Hub's own


class PublishError(RuntimeError):
    """Nothing, or not all, could be published; the message is one sentence that says what to do."""


@dataclass(frozen=True)
class Published:
    """Where the weights are: `repo` at `commit`, 40 hex digits. `space`: the Space that serves them."""

    repo: str
    commit: str
    space: str | None = None

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

    Both are made private unless `public`; an existing repo keeps its visibility. `tag`: a name for the
    commit. What was uploaded is compared with the folder, hash by hash. Raises `PublishError`.
    """
    api = api or HfApi()
    try:
        for name in filter(None, (repo, space)):
            validate_repo_id(name)
            if "/" not in name:
                raise PublishError(f"{name} is no name of a repo: write owner/name.")
        message = f"Weights {weights.contract.name} ({weights.hash[:8]})"
        commit = _upload(api, repo, "model", files_of(weights), message, public)
        _verify(api, repo, commit, weights.folder)
        if tag is not None:
            api.create_tag(repo, tag=tag, revision=commit)
        published = Published(repo, commit, space)
        if space is not None:
            files = space_files(published, [name for name in files_of(weights) if name != "README.md"])
            _upload(api, space, "space", files, f"Serve {published.source}", public)
            api.add_space_variable(space, "SKIN_APP_WEIGHTS", published.source)
        return published
    except HFValidationError as error:
        raise PublishError(f"The Hub takes no such name, write owner/name: {error}") from error
    except HfHubHTTPError as error:
        raise PublishError(_refused(error, repo)) from error
    except (HTTPError, ConnectionError) as error:
        raise PublishError(
            f"The Hub could not be reached ({type(error).__name__}): connect to a network, and start "
            "the same command again."
        ) from error


def files_of(weights: WeightsFolder) -> dict[str, bytes | Path]:
    """Name in the repo -> file: those that the contract lists, the contract, and the model card."""
    names = sorted([*weights.contract.files, CONTRACT, "README.md"])
    return {name: weights.folder / name for name in names}


def space_files(published: Published, fetched: Iterable[str]) -> dict[str, bytes | Path]:
    """Name in the Space -> file: the page's code, and a README with the Space's settings.

    `fetched`: names of the weights' files, which the Space has before it starts.
    """
    found = (path for pattern in SPACE_FILES for path in sorted(ROOT.glob(pattern)))
    files: dict[str, bytes | Path] = {
        path.relative_to(ROOT).as_posix(): path
        for path in found
        if path.is_file() and not any(part in path.as_posix() for part in UNWANTED)
    }
    return files | {"README.md": space_readme(published, fetched).encode()}


def space_readme(published: Published, fetched: Iterable[str]) -> str:
    """The Space's settings (Python, gradio, entry, weights to fetch beforehand) and a warning."""
    return f"""---
title: Skin lesions
sdk: gradio
sdk_version: {version("gradio")}
python_version: "{SPACE_PYTHON}"
app_file: app.py
license: cc-by-nc-4.0
models:
- {published.repo}
preload_from_hub:
- {published.repo} {",".join(fetched)} {published.commit}
---

**A research demo, not a medical device.** Not for diagnosis, and not for treatment decisions.

Weights: [{published.repo}](https://huggingface.co/{published.repo}/tree/{published.commit}).
"""


def _upload(
    api: HfApi, repo: str, kind: str, files: dict[str, bytes | Path], message: str, public: bool
) -> str:
    """Make `repo` hold exactly `files`, in one commit; returns its hash."""
    sdk = "gradio" if kind == "space" else None
    api.create_repo(repo, repo_type=kind, private=not public, exist_ok=True, space_sdk=sdk)
    gone = _gone(api.list_repo_files(repo, repo_type=kind), files)
    added = [CommitOperationAdd(name, content) for name, content in files.items()]
    info = api.create_commit(repo, [*gone, *added], commit_message=message, repo_type=kind)
    return info.oid


def _gone(there: Iterable[str], files: dict[str, bytes | Path]) -> list[CommitOperationDelete]:
    return [CommitOperationDelete(name) for name in there if name not in files and name != ATTRIBUTES]


def _verify(api: HfApi, repo: str, commit: str, folder: Path) -> None:
    found = api.verify_repo_checksums(repo, revision=commit, local_dir=folder)
    different = sorted({mismatch["path"] for mismatch in found.mismatches} | set(found.missing_paths))
    if different:
        raise PublishError(
            f"{', '.join(different)} of {repo} differ from {folder}: do not use that commit, and start "
            "the same command again."
        )


def _refused(error: HfHubHTTPError, repo: str) -> str:
    status = error.response.status_code if error.response is not None else None
    if status in (401, 403):
        return (
            f"The Hub does not let you write to {repo}: log in with a token that may write (`hf auth "
            "login`), or name a repo of your own."
        )
    return f"The Hub refused ({status}: {error}): see https://status.huggingface.co, and try again."
