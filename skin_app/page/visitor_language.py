"""The page's language: that of the visitor's browser.

Answers are written in it by the server (`spoken`). Fixed texts are translated by the browser, with
gradio's `gr.I18n` (`FixedTexts`).
"""

from collections.abc import Callable

import gradio as gr

from skin_app.words import page as words
from skin_app.words.language import LANGUAGES, Say, preferred


class FixedTexts:
    """Collects the page's fixed texts while it is built."""

    def __init__(self) -> None:
        self._texts: list[Callable[[Say], str]] = []

    def __call__(self, sentence: str) -> str:
        """A marker that the browser replaces by `sentence` in its own language.

        gradio replaces one marker per string, so a string may hold only one.
        """
        return self.html(lambda say: say(sentence))

    def html(self, render: Callable[[Say], str]) -> str:
        """A marker for a text that is rendered for every language."""
        self._texts.append(render)
        return str(gr.I18n()(f"skin_{len(self._texts) - 1}"))

    def translations(self) -> gr.I18n:
        """All texts so far, in every language, for `launch(i18n=...)`."""
        return gr.I18n(
            **{
                code: {
                    # gradio's button for more files has no words of its own for screen readers
                    "common.upload": say(words.ADD_FILES),
                    **{f"skin_{i}": render(say) for i, render in enumerate(self._texts)},
                }
                for code, say in LANGUAGES.items()
            }
        )


def spoken(request: gr.Request) -> Say:
    """The language of a visitor's browser."""
    return preferred(request.headers.get("accept-language"))
