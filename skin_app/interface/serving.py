"""How the page is served: nothing leaves this machine, nothing is kept."""

import socket

import gradio as gr

from skin_app.interface.theme import CSS, theme
from skin_app.photo import MAX_BYTES

# Each remembered session holds one photo at screen size and one analysis, a few megabytes.
SESSIONS = 64


class PortError(ValueError):
    """The page cannot listen where it was told to; the message is one sentence."""


def serve(page: gr.Blocks, name: str, port: str | int, block: bool = True) -> str:
    """Launch the page on host `name` with its fixed settings; returns its address.

    `block`: stay until interrupted. Raises `PortError` for a port that is taken or none at all.
    """
    if not str(port).isdecimal() or not 0 < int(port) < 65536:
        raise PortError(f"{port} is no port: set GRADIO_SERVER_PORT to a number such as 7860.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((name, int(port)))
        except OSError as error:
            raise PortError(
                f"The page cannot listen on {name}:{port} ({error.strerror}): stop the program that "
                "does, or set GRADIO_SERVER_PORT to another port."
            ) from error
    page.queue(max_size=16)
    _, url, _ = page.launch(
        server_name=name,
        server_port=int(port),
        prevent_thread_lock=not block,
        theme=theme(),
        head=f"<style>{CSS}</style>",
        share=False,
        ssr_mode=False,
        run_history=False,
        enable_monitoring=False,
        footer_links=[],
        max_file_size=MAX_BYTES,
        state_session_capacity=SESSIONS,
        mcp_server=False,
        pwa=False,
        quiet=True,
    )
    return url
