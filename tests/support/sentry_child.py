"""A script: imports in a process with Sentry; prints all that Sentry would have sent.

Sentry patches the whole process, so it has one of its own. The order, as JSON: ``fault``, one of
``broken_parts.FAULTS`` or ``leak``, and ``port``, that of a mail server.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import sentry_sdk
from broken_parts import FAULTS
from host_apps import new_host
from leak_search import CANARY, LeakSearch, canary_file
from page_imports import by_pages
from sentry_sdk.envelope import Envelope
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.transport import Transport

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

SENT: list[str] = []


class Collected(Transport):
    """A transport that keeps what it is given."""

    def capture_envelope(self, envelope: Envelope) -> None:
        SENT.append(envelope.serialize().decode())


def in_a_thread(application: WSGIApplication) -> WSGIApplication:
    """Answer each request in a thread of its own: not called by frames that hold the file."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(application, environ, start_response).result()

    return answer


def main() -> None:
    order = json.load(sys.stdin)
    sentry_sdk.init(
        dsn="https://key@sentry.example.com/1",
        transport=Collected,
        integrations=[LoggingIntegration(level=logging.DEBUG, event_level=logging.ERROR)],
        include_local_variables=True,
        attach_stacktrace=True,
        max_value_length=1_000_000,
        max_request_body_size="always",
        traces_sample_rate=1.0,
    )
    logging.getLogger().setLevel(logging.DEBUG)
    with (
        TemporaryDirectory() as folder,
        closing(new_host(Path(folder) / "host.sqlite", order["ca_file"], order["port"])) as host,
    ):
        host.extension.workspace_loader(lambda: "w1")
        host.app.wsgi_app = in_a_thread(host.app.wsgi_app)

        @host.app.get("/leak")
        def leak() -> str:
            # Not a name that Sentry masks by itself.
            given = CANARY
            raise RuntimeError(len(given))

        key = host.create_key()
        if order["fault"] == "leak":
            host.app.test_client().get("/leak")
        elif order["fault"]:
            FAULTS[order["fault"]](host)
        if order["fault"] != "leak":
            host.post(canary_file(order["port"], 300), key)
            by_pages(host, LeakSearch(), canary_file(order["port"], 300))
    json.dump({"sent": SENT, "key": key}, sys.stdout)


if __name__ == "__main__":
    main()
