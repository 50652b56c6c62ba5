"""Optional fields for the patient's age and sex, and what is said of them."""

from typing import Any

import gradio as gr

from skin_app.analysis import checks_of_patient
from skin_app.context import NOT_STATED_PATIENT, ContextModel, Patient
from skin_app.page.templates import fill
from skin_app.page.theme import Fragment
from skin_app.page.visitor_language import FixedTexts
from skin_app.words import patient as words
from skin_app.words.language import Say

LONGEST_AGE = 20  # characters
PRIVATE = gr.InputHTMLAttributes(autocomplete="off")  # otherwise, browsers store what was typed


class PatientFields:
    """Age and sex in a row, and a line below that says what of them is not used."""

    def __init__(self, labels: FixedTexts, model: ContextModel | None, name: str) -> None:
        """`model`: that of the weights; `name`: of the row within the page."""
        self.model = model
        with gr.Row(elem_id=name, elem_classes="patient"):
            self.age = gr.Textbox(
                label=labels(words.AGE),
                max_length=LONGEST_AGE,
                max_lines=1,
                min_width=60,
                scale=0,
                html_attributes=PRIVATE,
            )
            self.sex = gr.Radio(
                [(labels(text), sex) for sex, text in words.SEXES.items()],
                value="",
                label=labels(words.SEX),
                min_width=160,
            )
        self.note = Fragment(visible=False, elem_id=f"{name}-note")
        self.inputs = [self.age, self.sex]
        self.outputs = [*self.inputs, self.note]

    def noted(self, say: Say, patient: Patient, gone: str = "") -> dict[Any, Any]:
        """The line below the fields for what they state.

        `gone`: why none of it is used with the result that the page still shows, "" if it is.
        """
        checks = checks_of_patient(patient, self.model)
        is_told = bool(checks or (gone and patient != NOT_STATED_PATIENT))
        html = fill("patient_note.html", say, checks=checks, gone=gone) if is_told else ""
        return {self.note: gr.update(value=html, visible=is_told)}

    def emptied(self) -> dict[Any, Any]:
        """The fields for another patient."""
        return {self.age: "", self.sex: "", self.note: gr.update(value="", visible=False)}
