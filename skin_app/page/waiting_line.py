"""The line of those who wait for the networks: each is told their place, or that the line is full.

gradio tells the browser only numbers, and English sentences; here it tells whole sentences in the
visitor's language. static/page.js shows them. gradio holds a number of sessions for all visitors
together; here no client takes them all.
"""

from datetime import timedelta
from typing import Any, cast

import gradio as gr
from babel.dates import format_timedelta
from fastapi import Request
from gradio import queueing
from gradio.components import Component
from gradio.context import LocalContext
from gradio.server_messages import EstimationMessage, EventMessage
from gradio.utils import LRUCache

from skin_app.page.forwarded import client_of
from skin_app.page.queues import MOST_WAITING, NETWORKS
from skin_app.page.uploads_and_sessions import VISITORS, drop_session, forget_session
from skin_app.page.visitor_language import spoken
from skin_app.words import api as api_words
from skin_app.words import page as words
from skin_app.words.language import Say

LINE = NETWORKS["concurrency_id"]
LONGEST_SESSION = 64  # characters; browsers send 11, the Python client 36
MOST_SESSIONS = VISITORS // 2  # of one client; more of them displace its own
MOST_RESULTS = 2000  # sessions whose results wait: as many as gradio keeps


class Place(EstimationMessage):
    """gradio's message to one who waits. `said`: their place in a sentence, "" at their turn."""

    said: str


class WaitingLine(queueing.Queue):
    """gradio's queue, in which the line of the networks has an end and tells everyone their place."""

    sessions: dict[str, list[str]]  # of each client, the oldest first

    def start(self) -> None:
        self.sessions = {}
        self.pending_event_ids_session = LRUCache(MOST_RESULTS)  # gradio would keep all for ever
        super().start()

    def send_message(self, event: queueing.Event, event_message: EventMessage) -> None:
        if event.session_hash not in self.pending_messages_per_session:
            return  # nobody can collect it any more; gradio would fail, and end the whole queue
        if isinstance(event_message, EstimationMessage) and event.concurrency_id == LINE:
            said = self._place(event, event_message.rank_eta)
            event_message = Place(**event_message.model_dump(), said=said)
        super().send_message(event, event_message)

    async def push(self, body: Any, request: Request, username: str | None) -> Any:
        """Refuses a call of the API when the line is full; photos of the page were asked before.

        Inputs that a call leaves out at the end have their defaults; gradio would fail without a word.
        """
        called, say = self.blocks.fns.get(body.fn_index), spoken(request)
        body.session_hash = body.session_hash or None  # else gradio takes one name here, another there
        if len(body.session_hash or "") > LONGEST_SESSION:  # it is kept until the session ends
            return False, say(api_words.LONG_SESSION, most=say.number(LONGEST_SESSION)), "error"
        if called is not None and called.api_visibility == "public":
            most = len(called.inputs)
            if len(body.data) > most:
                told = say(api_words.TOO_MANY_VALUES, count=say.number(len(body.data)), most=most)
                return False, told, "error"
            body.data += [cast(Component, own).value for own in called.inputs[len(body.data) :]]
            refused = self.refusal(say) if called.concurrency_id == LINE else ""
            if refused:
                return False, refused, "queue_full"
        pushed = await super().push(body, request, username)
        if pushed[0] and called is not None and called.api_visibility != "public":
            self._make_room(client_of(request.scope), str(body.session_hash))
        return pushed

    def _make_room(self, client: str, session: str) -> None:
        """Note a client's session; drop its oldest where it has too many."""
        own = [name for name in self.sessions.pop(client, ()) if name != session and self._lasts(name)]
        while len(own) >= MOST_SESSIONS:
            drop_session(self.blocks, own.pop(0))
        self.sessions[client] = [*own, session]
        if len(self.sessions) > VISITORS:
            self.sessions = {
                one: names for one, names in self.sessions.items() if any(map(self._lasts, names))
            }

    def _lasts(self, session: str) -> bool:
        held = session in self.blocks.state_holder.session_data
        return held or bool(self.pending_event_ids_session.get(session))

    async def process_events(self, events: Any, *given: Any, **named: Any) -> None:
        """Drops the session of a call of the API, which holds nothing."""
        LocalContext.request.set(events[0].request)  # whose language `gradio_guards` speaks
        await super().process_events(events, *given, **named)
        for event in events:
            if event.fn.api_visibility == "public":
                forget_session(self.blocks, event.session_hash)

    def compute_analytics_summary(self, records: object) -> Any:  # noqa: ARG002
        """gradio calls this after each step, for 10 ms; nobody reads it, as its monitoring is off."""
        return self.cached_event_analytics_summary

    def refusal(self, say: Say) -> str:
        """Why no more photos are accepted, one sentence; "" if they are."""
        line = self.event_queue_per_concurrency_id.get(LINE)
        if line is None or len(line.queue) < MOST_WAITING:
            return ""
        return say(words.LINE_IS_FULL, count=say.number(len(line.queue)))

    def _place(self, event: queueing.Event, seconds: float | None) -> str:
        line, say = self.event_queue_per_concurrency_id[LINE], spoken(event.request)
        # of several photos of one visitor only the newest is analysed, when the first one's turn comes
        before = [own.session_hash for own in line.queue].index(event.session_hash)
        before += line.current_concurrency
        if not before:
            return ""
        if seconds is None:
            return say.plural(words.BEFORE_YOURS, before)
        return say.plural(words.BEFORE_YOURS_FOR, before, time=rough_time(say, seconds))


def rough_time(say: Say, seconds: float) -> str:
    """A time to wait, no more exact than it is known: 4 seconds, 20 seconds, 3 minutes."""
    rounded = max(1, round(seconds, -1 if seconds >= 10 else 0))
    return format_timedelta(timedelta(seconds=rounded), threshold=1.5, locale=say.locale)


def line_refusal(page: gr.Blocks, say: Say) -> str:
    """Why this page accepts no photo at the moment, one sentence; "" if it does."""
    return page._queue.refusal(say) if isinstance(page._queue, WaitingLine) else ""
