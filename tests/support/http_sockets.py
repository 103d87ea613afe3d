"""An app behind a real server, and bytes that are sent to it as they are."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from flask import Flask
from http_forms import FORM, PATH
from werkzeug.serving import WSGIRequestHandler, make_server


class _Quiet(WSGIRequestHandler):
    def log(self, *_arguments: object) -> None: ...


@contextmanager
def served(app: Flask) -> Iterator[int]:
    """Serve an app with a thread for each request; gives the port."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Reply:
    """An answer that came over a socket."""

    def __init__(self, sock: socket.socket, method: str = "POST") -> None:
        response = http.client.HTTPResponse(sock, method=method)
        response.begin()
        self.status_code, self.headers = response.status, response.headers
        self.data = response.read()
        self.mimetype = response.headers.get_content_type()
        response.close()

    @property
    def text(self) -> str:
        return self.data.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.data)


def head(
    headers: Mapping[str, str] | Iterable[tuple[str, str]],
    *,
    length: object = None,
    target: str = PATH,
    method: str = "POST",
    media_type: str = FORM,
) -> bytes:
    """Return the head of a request; what is given twice is written twice."""
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", f"Content-Type: {media_type}"]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    lines += [f"{name}: {value}" for name, value in pairs]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def talk(port: int, data: bytes, method: str = "POST") -> Reply:
    """Send these bytes to a server and return its answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
        sock.sendall(data)
        return Reply(sock, method)


def ask(
    port: int,
    headers: Mapping[str, str] | Iterable[tuple[str, str]],
    body: bytes = b"",
    **options: str,
) -> Reply:
    """Send a request with a body of its true length."""
    return talk(
        port, head(headers, length=len(body), **options) + body, options.get("method", "POST")
    )
