"""Tells a caller in a sentence that a file is none; gradio only logs a fault of the program."""

from typing import Any

import gradio as gr
from gradio.context import LocalContext
from gradio.exceptions import InvalidPathError
from pydantic import ValidationError

from skin_app.page.visitor_language import spoken
from skin_app.words import api as words


def tell_of_wrong_files() -> None:
    """Replace gradio's reading of inputs; once is enough for all pages of a program."""
    if not hasattr(gr.Blocks.preprocess_data, "is_ours"):
        gr.Blocks.preprocess_data = _telling(gr.Blocks.preprocess_data)


def _telling(preprocess: Any) -> Any:
    async def preprocess_data(*given: Any, **named: Any) -> Any:
        try:
            return await preprocess(*given, **named)
        except (InvalidPathError, ValidationError) as error:
            sentence = words.NO_UPLOAD if isinstance(error, InvalidPathError) else words.NO_FILE
            request = LocalContext.request.get(None)  # as `WaitingLine` notes it
            told = spoken(request)(sentence) if request else sentence
            raise gr.Error(told, print_exception=False) from None

    preprocess_data.is_ours = True  # type: ignore[attr-defined]
    return preprocess_data
