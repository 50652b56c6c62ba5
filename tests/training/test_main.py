"""The command line: it answers `--help` without the trainer, and says what is missing or misspelt."""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from train import verbs
from train.__main__ import main
from train.documents.trust_document import SECTIONS
from train.options import OPTIONS
from train.recipes.published import RECIPES
from train.recipes.studies import STUDIES

ROOT = Path(__file__).resolve().parents[2]
HELP = """
import sys
from train.__main__ import main
try:
    main(["--help"])
except SystemExit:
    pass
sys.exit("torch" in sys.modules or "numpy" in sys.modules)
"""
WITHOUT_EXTRA = """
import sys
sys.modules["accelerate"] = None
from train.__main__ import main
sys.exit(main(["split", "--data", "DATA", "--out", "folds.csv"]))
"""


def ran(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)


def test_help_imports_nothing_heavy() -> None:
    help_shown = ran(HELP)
    assert help_shown.returncode == 0
    assert "range-test" in help_shown.stdout


def test_every_verb_has_options_and_does_something() -> None:
    done = {name for name in vars(verbs) if name.startswith("do_")}
    assert done == {f"do_{verb.replace('-', '_')}" for verb in OPTIONS}


def options_of(verb: str) -> list[argparse.Action]:
    parser = argparse.ArgumentParser(add_help=False)
    OPTIONS[verb][0](parser.add_argument)
    return parser._actions


@pytest.mark.parametrize("verb", OPTIONS)
def test_every_option_says_what_it_does_and_its_default(verb: str) -> None:
    for option in options_of(verb):
        assert option.help, option.dest
        assert option.required or "default" in option.help, option.dest
        if option.default is not None and option.nargs != 0:  # a value, of an option that takes one
            assert "(default: %(default)" in option.help, option.dest


@pytest.mark.parametrize(
    ("verb", "option", "names"),
    [
        ("run", "recipe", RECIPES),
        ("range-test", "recipe", RECIPES),
        ("study", "study", STUDIES),
        ("audit", "only", SECTIONS),
    ],
)
def test_help_lists_the_names_to_choose_from(verb: str, option: str, names: Iterable[str]) -> None:
    (told,) = (own.help for own in options_of(verb) if own.dest == option)
    assert told is not None
    assert set(names) <= set(re.findall(r"[\w-]+", told))


def test_without_the_extra_one_sentence_says_what_to_install() -> None:
    refused = ran(WITHOUT_EXTRA)
    assert refused.returncode == 2
    assert refused.stderr == (
        "error: accelerate is not installed: training needs `pip install -e '.[train]'`.\n"
    )


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["study", "--study", "splits"], "There is no study splits: use flagship, focal-weights"),
        (["run", "--recipe", "le2021"], "There is no recipe le2021: use flagship, le2020"),
    ],
)
def test_a_misspelt_name_is_answered_by_those_there_are(
    command: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert said in capsys.readouterr().err
