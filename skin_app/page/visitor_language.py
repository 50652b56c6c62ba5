"""The page's language: the one that the visitor chose, or else that of the visitor's browser.

The server decides (`spoken`): it writes its answers in that language and states it in the page. The
browser follows (`static/language.js`): there gradio translates its own texts, and the page's fixed
texts by `gr.I18n` (`FixedTexts`).
"""

from collections.abc import Callable

import gradio as gr
from fastapi import Request
from gradio.routes import templates as gradio_templates
from jinja2 import ChoiceLoader, DictLoader

from skin_app.page.gradio_guards import TESTED
from skin_app.page.port import ServeError
from skin_app.page.security_headers import NONCE
from skin_app.page.theme import FOLDER
from skin_app.words import page as words
from skin_app.words.language import LANGUAGES, Say, preferred

COOKIE = "skin_app_language"  # set by static/language.js
INDEX = "frontend/index.html"  # gradio's page, a Jinja2 template
CHARSET = '<meta charset="utf-8" />'  # the first line of its head
# of an app that is installed, which the page is not; its address would be wrong under a path of a proxy
MANIFEST = '<link rel="manifest" href="/manifest.json" />'


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
                    "common.or": say(words.OR),
                    "upload_text.drop_file": say(words.DROP_PHOTOS),
                    "upload_text.click_to_upload": say(words.CLICK_TO_CHOOSE),
                    "upload_text.paste_clipboard": say(words.CLICK_TO_PASTE),
                    **{f"skin_{i}": render(say) for i, render in enumerate(self._texts)},
                }
                for code, say in LANGUAGES.items()
            }
        )


def spoken(request: gr.Request | Request) -> Say:
    """The language that a visitor chose, or else that of the visitor's browser."""
    chosen = LANGUAGES.get(request.cookies.get(COOKIE, ""))
    return chosen or preferred(request.headers.get("accept-language"))


def state_language() -> None:
    """Have gradio's page state the visitor's language, and its script follow that from the start.

    Also gives its scripts the nonce by which the security policy allows them (`security_headers`).
    What `launch(head=...)` adds comes too late: gradio adds it after it has chosen its language. Raises
    `ServeError` if this gradio's page has no place for it.
    """
    environment = gradio_templates.env
    if "spoken" in environment.globals or environment.loader is None:
        return
    page, *_ = environment.loader.get_source(environment, INDEX)
    script = (FOLDER / "language.js").read_text(encoding="utf-8")
    for before, after in (
        ('lang="en"', 'lang="{{ spoken(request).code }}"'),
        (CHARSET, f"{CHARSET}<script>{{% raw %}}{script}{{% endraw %}}</script>"),
        (MANIFEST, ""),
    ):
        if page.count(before) != 1:
            raise ServeError(
                "The page of gradio {version} has no place for a language: install gradio {tested} by "
                "`pip install gradio=={tested}.*`.",
                version=gr.__version__,
                tested=TESTED,
            )
        page = page.replace(before, after)
    page = page.replace("<script", f'<script nonce="{{{{ request.state.{NONCE} }}}}"')
    environment.globals["spoken"] = spoken
    environment.loader = ChoiceLoader([DictLoader({INDEX: page}), environment.loader])
