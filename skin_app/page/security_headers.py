"""The headers that tell a browser what the page may do.

The policy names what gradio 6.31 needs:
- `'unsafe-eval'`: `gr.HTML`, of which most of the page is made, compiles its templates in the browser.
- `style-src 'unsafe-inline'`: gradio adds `<style>` elements, and the templates set widths in `style`.
- no inline script, except those that carry this answer's nonce, and static/page.js by its hash.
"""

import secrets
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from skin_app.page.theme import script

NONCE = "nonce"  # in the request's state, where gradio's index page finds it
POLICY = {
    "default-src": "'none'",
    "script-src": "'self' 'nonce-{nonce}' '{script}' 'unsafe-eval'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "media-src": "'self' blob:",
    "manifest-src": "'self'",
    "worker-src": "'none'",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'none'",
    "frame-ancestors": "{frames}",
}
FIXED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": (
        "camera=(self), clipboard-read=(self), clipboard-write=(self), fullscreen=(self), "
        "accelerometer=(), autoplay=(), browsing-topics=(), display-capture=(), geolocation=(), "
        "gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), "
        "publickey-credentials-get=(), screen-wake-lock=(), usb=(), xr-spatial-tracking=()"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Permitted-Cross-Domain-Policies": "none",
}
# Files of gradio itself, whose names change with their content; nothing else may stay in a cache.
KEPT_BY_BROWSERS = ("/assets/", "/static/")


class SecurityHeaders:
    """Pure ASGI middleware, so that event streams pass as they come.

    `frames`: other sites that may show the page in a frame.
    """

    def __init__(self, app: ASGIApp, frames: Sequence[str] = ()) -> None:
        self.app = app
        self.fixed = FIXED if frames else FIXED | {"X-Frame-Options": "SAMEORIGIN"}
        values = {
            "nonce": "{nonce}",
            "script": "sha256-" + b64encode(sha256(script().encode()).digest()).decode(),
            "frames": " ".join(("'self'", *frames)),
        }
        self.policy = "; ".join(f"{name} {value.format(**values)}" for name, value in POLICY.items())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        nonce = secrets.token_urlsafe(16)
        scope.setdefault("state", {})[NONCE] = nonce

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(
                    {**self.fixed, "Content-Security-Policy": self.policy.format(nonce=nonce)}
                )
                if not scope["path"].startswith(KEPT_BY_BROWSERS):
                    headers["Cache-Control"] = "no-store"
            await send(message)

        await self.app(scope, receive, send_with_headers)
