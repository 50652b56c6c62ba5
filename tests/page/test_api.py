"""The machine API against a running app: what docs/api.md promises."""

import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints, is_typeddict

import gradio as gr
import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from skin_app.cli import main
from skin_app.context import Patient
from skin_app.diagnoses import CODES
from skin_app.ensemble import Ensemble
from skin_app.page import api as machine
from skin_app.page.api import Row, add_endpoints, scored
from skin_app.page.port import listening
from skin_app.page.queues import BATCHES, MOST_WAITING, NETWORKS
from skin_app.page.serve import serve
from skin_app.page.unnamed_uploads import SILENT_FOR
from skin_app.page.uploads_and_sessions import FORGOTTEN_AFTER, SWEEP_EVERY, private_folder
from skin_app.photo.limits import MAX_BYTES, MAX_PIXELS, MIN_SIDE
from skin_app.photo.read import read_photo
from skin_app.report.csv_rows import CSV_COLUMNS, NUMBER_COLUMNS
from skin_app.report.json_record import Record
from skin_app.words import api as words
from skin_app.words import photo as photo_words
from skin_app.words import refusals
from skin_app.words.language import GERMAN
from tests.page.conftest import free_port
from tests.tiny import picture

DOCUMENT = Path(__file__).parents[2] / "docs" / "api.md"


@dataclass(frozen=True)
class Machine:
    """A running app with the two endpoints and an event of a page."""

    url: str
    blocks: gr.Blocks
    uploads: Path
    client: Client

    def files(self) -> list[Path]:
        return [path for path in self.uploads.rglob("*") if path.is_file()]

    def uploaded(self, path: Path) -> str:
        """Upload a file as a client does; its path on the server."""
        with path.open("rb") as file:
            answer = httpx.post(f"{self.url}gradio_api/upload", files={"files": file})
        return answer.raise_for_status().json()[0]

    def called(self, name: str, *data: object, language: str = "") -> tuple[str, Any]:
        """Call an endpoint by plain HTTP: its last event and that event's data."""
        headers = {"Accept-Language": language} if language else {}
        url = f"{self.url}gradio_api/call/{name}"
        event = httpx.post(url, json={"data": data}, headers=headers)
        event = event.raise_for_status().json()["event_id"]
        text = httpx.get(f"{url}/{event}", timeout=120).raise_for_status().text
        kind, said = re.findall(r"event: (\w+)\ndata: (.*)\n", text)[-1]
        return kind, json.loads(said)


@pytest.fixture(scope="module")
def machine_api(ensemble: Ensemble) -> Iterator[Machine]:
    with private_folder() as uploads:
        with gr.Blocks() as blocks:
            button = gr.Button()
            button.click(lambda: None, api_visibility="private")
            add_endpoints(ensemble, uploads)
        url = serve(blocks, listening("127.0.0.1", free_port()))
        yield Machine(url, blocks, uploads, Client(url, verbose=False))
        blocks.close()


@pytest.fixture
def faults(
    machine_api: Machine, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> Iterator[pytest.LogCaptureFixture]:
    """What the server logs. Deletes the uploads that no call has read, as the page does in a minute."""
    monkeypatch.setattr(logging.getLogger("uvicorn"), "propagate", True)
    yield caplog
    for path in machine_api.files():
        path.unlink()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "lesion.png"
    Image.fromarray(picture(1, 120, 90)).save(path)
    return path


def sent(path: str) -> dict[str, Any]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def test_analyse_gives_the_record_of_the_photo(
    machine_api: Machine, ensemble: Ensemble, photo: Path
) -> None:
    for views in (8, 1):
        answer = machine_api.client.predict(handle_file(photo), views, api_name="/analyse")
        expected = ensemble(read_photo(photo), views)
        assert answer["views"] == views
        assert set(answer) == set(get_type_hints(Record))
        by_code = {entry["code"]: entry["probability"] for entry in answer["diagnoses"]}
        assert [by_code[code] for code in CODES] == pytest.approx(expected.probabilities.tolist())
        assert len(answer["operating_points"]) == 3
        assert answer["notes"] is None
    assert machine_api.files() == []


def test_a_quick_answer_has_maps_only_if_they_are_asked_for(machine_api: Machine, photo: Path) -> None:
    quick, asked, full, bare = (
        machine_api.client.predict(handle_file(photo), views, maps=maps, api_name="/analyse")
        for views, maps in ((1, None), (1, True), (8, None), (8, False))
    )
    assert quick["maps"] is quick["heat_on_lesion"] is quick["heat_is_outside"] is None
    assert set(asked["maps"]) == set(full["maps"]) == set(CODES)
    assert [own["name"] for own in quick["not_checked"]] == ["heat beside the lesion"]
    assert asked["not_checked"] == full["not_checked"] == []
    depending = {"maps", "heat_on_lesion", "heat_is_outside", "to_check", "not_checked", "made_at"}
    for one, other in ((quick, asked), (bare, full)):
        assert {name for name in one if one[name] != other[name]} <= depending
    assert bare["maps"] is None


def test_age_and_sex_add_their_answer(machine_api: Machine, ensemble: Ensemble, photo: Path) -> None:
    answer = machine_api.client.predict(handle_file(photo), age="85+", sex="M", api_name="/analyse")
    expected = ensemble(read_photo(photo)).with_patient(Patient(85, "male"))
    assert expected.in_context is not None
    assert answer["patient"] == {"age": 85, "sex": "male"}
    assert answer["outcome"] == expected.outcome
    given = [answer["in_context"]["probabilities"][code] for code in CODES]
    assert given == pytest.approx(expected.in_context.probabilities.tolist())
    photos = [handle_file(photo)] * 3
    old, nobody, unread = machine_api.client.predict(
        photos, ages=[85, None, "old"], sexes=["male", None, [1]], api_name="/score"
    )
    assert (old["age"], old["sex"]) == (85, "male")
    assert old["p_mel_in_context"] == pytest.approx(given[CODES.index("mel")], abs=1e-6)
    assert (nobody["age"], nobody["p_mel_in_context"], nobody["top1_in_context"]) == (None, None, "")
    assert unread["to_check"].endswith("unreadable age; unreadable sex")


def test_score_gives_the_rows_of_the_command_line(
    machine_api: Machine, ensemble: Ensemble, photo: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_text("not an image")
    photos = [handle_file(path) for path in (photo, broken, photo)]
    first, bad, again = machine_api.client.predict(photos, api_name="/score")
    assert tuple(first) == CSV_COLUMNS
    assert first == again
    assert (bad["file"], bad["top1"], bad["p_mel"]) == ("broken.jpg", "", None)
    assert bad["error"].startswith("This is not a JPEG, PNG, WebP")
    out = tmp_path / "out.csv"
    weights = str(ensemble.weights.folder)
    assert main(["score", str(photo), "--out", str(out), "--weights", weights]) == 0
    header, row = out.read_text("utf-8-sig").splitlines()
    for column, cell in zip(header.split(","), row.split(","), strict=True):
        given = first[column]
        if column == "file":
            assert given == "lesion.png"
        elif isinstance(given, float):
            assert given == pytest.approx(float(cell), abs=2e-6)
        else:
            assert (given or "") == cell
    assert machine_api.files() == []


OUTSIDE = ("FOREIGN", "FOLDER/../x.png", "FOLDER", "a\0b", "", "x" * 5_000)


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        *(
            ("analyse", ["UPLOAD", views], words.WRONG_VIEWS.format(most=8))
            for views in (2, 0, "8", True, None)
        ),
        *(
            ("analyse", ["UPLOAD", 1, None, None, maps], words.WRONG_MAPS)
            for maps in (1, 0, "true", [])
        ),
        *(("analyse", [{"path": path}, 8], words.NO_UPLOAD) for path in OUTSIDE),
        *(("analyse", [nothing, 8], words.NO_FILE) for nothing in (None, 3, "a.jpg", {}, [])),
        *(("score", [nothing], words.NO_FILE) for nothing in (None, 3, "a.jpg", {}, {"path": 3})),
        ("score", [[]], words.NO_PHOTOS),
        *(("score", [["UPLOAD"], ages], words.OTHER_LENGTH) for ages in ([], [1, 2], 50, "50")),
        ("score", [["UPLOAD"], [50], ["f", "m"]], words.OTHER_LENGTH),
        ("score", [["UPLOAD", "junk"]], words.NO_FILE),
    ],
)
def test_a_wrong_call_is_one_sentence_and_leaves_no_file(
    machine_api: Machine, photo: Path, name: str, data: list[Any], sentence: str
) -> None:
    places = {"FOREIGN": str(photo), "FOLDER": str(machine_api.uploads)}
    text = json.dumps(data)
    for place, path in places.items():
        text = text.replace(place, path)
    if "UPLOAD" in text:
        text = text.replace('"UPLOAD"', json.dumps(sent(machine_api.uploaded(photo))))
    kind, answer = machine_api.called(name, *json.loads(text))
    assert (kind, answer["error"]) == ("error", sentence)
    assert machine_api.files() == []
    assert machine_api.uploads.is_dir()
    assert photo.exists()


@pytest.mark.parametrize(
    ("path", "more", "sentence"),
    [
        ("FOREIGN", {}, words.NO_UPLOAD),
        ("UPLOAD", {"size": "a"}, words.NO_FILE),
    ],
)
@pytest.mark.parametrize("place", [0, 2, 3])
def test_a_file_that_gradio_refuses_is_one_sentence_and_no_fault(
    machine_api: Machine,
    photo: Path,
    path: str,
    more: dict[str, Any],
    sentence: str,
    place: int,
    faults: pytest.LogCaptureFixture,
) -> None:
    data: list[Any] = [sent(machine_api.uploaded(photo)), 1, None, None]
    data[place] = sent(str(photo)) if path == "FOREIGN" else {**data[0], **more}
    kind, answer = machine_api.called("analyse", *data)
    assert (kind, answer["error"]) == ("error", sentence)
    german = machine_api.called("analyse", *data, language="de")[1]["error"]
    assert german == GERMAN(sentence)
    assert faults.records == []


@pytest.mark.parametrize("name", ["age", "sex"])
@pytest.mark.usefixtures("faults")
def test_an_upload_as_age_or_sex_is_unreadable(machine_api: Machine, photo: Path, name: str) -> None:
    file, stated = (sent(machine_api.uploaded(photo)) for _ in range(2))
    data = [file, 1, *((stated, None) if name == "age" else (None, stated))]
    kind, answer = machine_api.called("analyse", *data)
    assert kind == "complete", answer
    assert answer[0]["patient"] is not None


@pytest.mark.parametrize("value", ["NaN", "1e400", '"a"'])
def test_a_value_of_the_wrong_kind_is_one_sentence(machine_api: Machine, value: str) -> None:
    body = f'{{"data": [], "session_hash": "visitor", "fn_index": {value}}}'
    answer = httpx.post(
        f"{machine_api.url}gradio_api/queue/join",
        content=body,
        headers={"Content-Type": "application/json"},
    )
    assert (answer.status_code, answer.json()) == (422, {"detail": refusals.WRONG_VALUE})
    assert "content-security-policy" in answer.headers


@pytest.mark.parametrize("path", ["queue/data?session_hash=nobody", "call/analyse/nobody"])
def test_a_session_that_is_not_there_is_told_and_no_fault(
    machine_api: Machine, path: str, faults: pytest.LogCaptureFixture
) -> None:
    answer = httpx.get(f"{machine_api.url}gradio_api/{path}")
    assert "404" in answer.text
    assert faults.records == []


def test_inputs_that_are_left_out_at_the_end_have_their_defaults(
    machine_api: Machine, photo: Path
) -> None:
    """Clients that were written before the last inputs came go on working."""

    def answers(name: str, *inputs: object, most: int, least: int) -> list[Any]:
        given = []
        for count in range(least, most + 1):
            file = sent(machine_api.uploaded(photo))
            data = [file if name == "analyse" else [file], *inputs][:count]
            kind, (answer,) = machine_api.called(name, *data)
            assert kind == "complete", count
            given.append(answer)
        return given

    for record in (records := answers("analyse", 8, None, None, None, most=5, least=1)):
        assert {**record, "made_at": ""} == {**records[-1], "made_at": ""}
    for rows in (tables := answers("score", None, None, most=3, least=1)):
        assert rows == tables[-1]


@pytest.mark.parametrize(("name", "most"), [("analyse", 5), ("score", 3)])
def test_a_call_with_too_many_values_is_refused_in_a_sentence(
    machine_api: Machine, name: str, most: int
) -> None:
    url, headers = f"{machine_api.url}gradio_api/call/{name}", {"Accept-Language": "de"}
    refused = httpx.post(url, json={"data": [None] * (most + 1)}, headers=headers)
    assert refused.status_code == 400
    assert refused.json()["detail"] == GERMAN(words.TOO_MANY_VALUES, count=most + 1, most=most)


def test_a_wrong_call_is_told_in_the_language_that_is_asked_for(
    machine_api: Machine, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_text("not an image")
    _, answer = machine_api.called("score", [], language="de-DE,de;q=0.9")
    assert answer["error"] == GERMAN(words.NO_PHOTOS)
    _, (rows,) = machine_api.called(
        "score", [sent(machine_api.uploaded(broken))], language="de-DE,de;q=0.9"
    )
    assert rows[0]["error"] == GERMAN(photo_words.UNKNOWN)


def test_a_bad_photo_is_one_sentence_to_the_client(machine_api: Machine, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_text("not an image")
    with pytest.raises(AppError, match=r"^This is not a JPEG, .*: export the photo as JPEG or PNG\.$"):
        machine_api.client.predict(handle_file(broken), api_name="/analyse")
    assert machine_api.files() == []


def test_limits_of_a_call_are_sentences(
    ensemble: Ensemble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = tmp_path / "0123" / "a.png"
    for limit, sentence in (("MOST_PHOTOS", "at most 0 in one"), ("MOST_BYTES", "more than 0 MB")):
        upload.parent.mkdir()
        Image.fromarray(picture(1)).save(upload)
        with monkeypatch.context() as patch:
            patch.setattr(machine, limit, 0)
            with pytest.raises(machine.CallError, match=sentence):
                scored(ensemble, tmp_path, [{"path": str(upload)}])
        assert list(tmp_path.iterdir()) == []


def test_an_upload_that_is_gone_has_its_sentence_in_its_row(ensemble: Ensemble, tmp_path: Path) -> None:
    (row,) = scored(ensemble, tmp_path, [{"path": str(tmp_path / "0123" / "gone.png")}])
    assert (row["file"], row["error"]) == ("gone.png", words.NO_UPLOAD)


def test_a_fault_in_the_program_still_deletes_the_photo(
    machine_api: Machine, ensemble: Ensemble, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(ensemble, "analyse_all", broken)
    with pytest.raises(AppError):
        machine_api.client.predict(handle_file(photo), api_name="/analyse")
    assert machine_api.files() == []


def test_the_schema_names_every_field_and_the_page_is_private(machine_api: Machine) -> None:
    info = httpx.get(f"{machine_api.url}gradio_api/info").raise_for_status().json()
    assert set(info["named_endpoints"]) == {"/analyse", "/score"}
    analyse, score = info["named_endpoints"]["/analyse"], info["named_endpoints"]["/score"]
    photo, views, age, sex, maps = analyse["parameters"]
    assert (photo["parameter_name"], photo["python_type"]["type"]) == ("photo", "filepath")
    assert (views["type"], views["parameter_default"]) == ({"enum": [1, 8]}, 8)
    assert [own["parameter_default"] for own in (age, sex, maps, *score["parameters"][1:])] == [
        None
    ] * 5
    schema = analyse["returns"][0]["type"]
    assert set(schema["required"]) == set(schema["properties"]) == set(get_type_hints(Record))
    entry = schema["properties"]["diagnoses"]["items"]["properties"]
    assert entry["probability"] == {"type": "number"}
    assert entry["in_90_set"] == {"oneOf": [{"type": "null"}, {"type": "boolean"}]}
    rows = score["returns"][0]["type"]
    assert tuple(rows["items"]["properties"]) == CSV_COLUMNS == tuple(Row.__annotations__)
    assert {name for name, of in Row.__annotations__.items() if of is not str} == {*NUMBER_COLUMNS}
    assert rows["items"]["properties"]["p_mel"] == {"oneOf": [{"type": "null"}, {"type": "number"}]}
    assert "value_" not in json.dumps(info)
    assert "{}" not in json.dumps(schema)


def test_the_endpoints_queue_with_the_page(machine_api: Machine) -> None:
    """One photo waits with the page's single photos, several with its batches."""
    queues = {
        fn.api_name: {"concurrency_id": fn.concurrency_id, "concurrency_limit": fn.concurrency_limit}
        for fn in machine_api.blocks.fns.values()
    }
    assert queues["analyse"] == NETWORKS
    assert queues["score"] == BATCHES


PLAIN = {str: "string", float: "number", int: "integer", bool: "boolean", type(None): "null"}


def described(kind: Any) -> str:
    """A TypedDict and all those in it as Markdown tables."""
    kinds = [kind]
    for known in kinds:  # grows on the way
        for field in get_type_hints(known).values():
            kinds += [inner for inner in typed_dicts(field) if inner not in kinds]
    return "\n".join(
        f"#### {each.__name__}\n\n| Field | Type |\n|---|---|\n"
        + "".join(f"| `{name}` | {in_words(field)} |\n" for name, field in get_type_hints(each).items())
        for each in kinds
    )


def typed_dicts(field: Any) -> list[Any]:
    if is_typeddict(field):
        return [field]
    return [found for part in get_args(field) for found in typed_dicts(part)]


def in_words(field: Any) -> str:
    if field in PLAIN:
        return PLAIN[field]
    if get_origin(field) is list:
        return f"[{in_words(get_args(field)[0])}, …]"
    if get_origin(field) is dict:
        return f"{{code: {in_words(get_args(field)[1])}, …}}"
    if get_origin(field) is Literal:
        return " or ".join(json.dumps(value) for value in get_args(field))
    if is_typeddict(field):
        return field.__name__
    return " or ".join(in_words(part) for part in get_args(field))


def test_the_document_describes_every_field_and_limit() -> None:
    text = DOCUMENT.read_text()
    assert f"up to {machine.MOST_PHOTOS} files, {machine.MOST_BYTES // 1_000_000} MB together" in text
    assert f"from {MIN_SIDE} pixels a side" in text
    assert f"At most {MOST_WAITING} photos wait" in text
    assert f"up to {MAX_BYTES // 1_000_000} MB and {MAX_PIXELS // 1_000_000} million pixels" in text
    assert FORGOTTEN_AFTER + 2 * SWEEP_EVERY == 5 * 60
    assert "five minutes" in text
    assert f"{SILENT_FOR:.0f} s after that" in text
    for kind in (Record, Row):
        assert described(kind) in text, f"put this into {DOCUMENT}:\n{described(kind)}"


@pytest.mark.parametrize(
    ("language", "program", "shown"),
    [
        ("python", [sys.executable], ["Melanoma", "lesion.png", "This is not a JPEG"]),
        ("sh", ["bash", "-euo", "pipefail"], ["event: complete", '"diagnoses"']),
    ],
)
def test_the_documents_examples_run(
    machine_api: Machine, photo: Path, language: str, program: list[str], shown: list[str]
) -> None:
    *_, example = re.findall(rf"```{language}\n(.*?)```", DOCUMENT.read_text(), flags=re.DOTALL)
    assert "http://127.0.0.1:7860/" in example
    script = photo.parent / "example"
    script.write_text(example.replace("http://127.0.0.1:7860/", machine_api.url))
    command = [*program, str(script)]
    done = subprocess.run(command, cwd=photo.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [text for text in shown if text not in done.stdout] == []
    assert machine_api.files() == []
