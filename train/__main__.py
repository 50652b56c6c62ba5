"""The trainer's command line, one verb each: `python -m train run | study | evaluate | ...`.

More than one process: `accelerate launch --num_processes 2 -m train run ... --micro-batches 2`.
"""

import errno
import os
import sys
from urllib.parse import urlsplit

from skin_app.words.hub import WRONG_ENDPOINT
from train.options import parsed

FULL_DISK = (
    "Nothing finished is lost; free some space or choose another --out, and start the same command "
    "again."
)
TRAINER_ALONE = ("accelerate",)  # the package of the extra `train`


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; returns 0, or 2 after one sentence on what went wrong.

    The trainer is imported here, not above, so that `--help` answers at once.
    """
    options = parsed(sys.argv[1:] if arguments is None else arguments)
    try:
        urlsplit(os.environ.get("HF_ENDPOINT", ""))
    except ValueError:  # the Hub's client could not even be imported
        _say(f"error: {WRONG_ENDPOINT}")
        return 2
    try:
        from train import verbs

        getattr(verbs, f"do_{options.verb.replace('-', '_')}")(options)
    except ModuleNotFoundError as error:
        if error.name not in TRAINER_ALONE:
            raise
        _say(f"error: {error.name} is not installed: training needs `pip install -e '.[train]'`.")
        return 2
    except _known_errors() as error:
        _say(f"error: {error}")
        return 2
    except OSError as error:
        full = f" {FULL_DISK}" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
        place = error.filename or getattr(options, "out", None)
        _say(f"error: {place}: {error.strerror or error}.{full}")
        return 2
    except RuntimeError as error:
        if type(error).__name__ != "OutOfMemoryError":  # torch's own, known without importing torch
            raise
        _say(
            "error: the memory of the GPU is full: start anew with more --micro-batches, a smaller "
            "--set batch=N, or a smaller --size."
        )
        return 2
    except KeyboardInterrupt:
        _say("stopped; the same command goes on from the last checkpoint.")
        return 130
    return 0


def _known_errors() -> tuple[type[Exception], ...]:
    """The errors whose message is a sentence that says what to do; called once something is raised."""
    from skin_app.diagnoses import ClassOrderError
    from skin_app.photo.read import PhotoError
    from skin_app.result_files import OutputError
    from skin_app.weights.folder import WeightsError
    from train.data.ham10000 import DataError
    from train.recipes.recipe import RunError
    from train.release.publish import PublishError

    return (DataError, OutputError, PhotoError, PublishError, RunError, WeightsError, ClassOrderError)


def _say(sentence: str) -> None:
    rank = os.environ.get("RANK", "0")  # of several processes, each says which it is
    print(sentence if rank == "0" else f"process {rank}: {sentence}", file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(main())
