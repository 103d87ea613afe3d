"""What is measured: our import, our probe, and what one would write instead; measures nothing."""

from __future__ import annotations

import asyncio
import csv
import io
import smtplib
import ssl
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

#: Logins at once.
CONCURRENCY = 20
#: Runs of one client at most.
_RUNS = 100
_HEADER = ("email", "password", "smtphost", "smtpport", "smtpsecure", "imaphost")


@dataclass(frozen=True)
class Row:
    """One mailbox of a file."""

    host: str
    port: int
    password: str
    implicit_tls: bool = False


@dataclass(frozen=True)
class Order:
    """What a client is to do, in JSON."""

    client: str
    rows: list[Row]
    ca_file: str
    timeout: float = 20.0
    settings: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)
    database: str = "sqlite"


#: Does it once; returns how many logins worked, and how many did not.
Run = Callable[[], tuple[int, int]]


def address(number: int) -> str:
    return f"user{number}@example.com"


def csv_of(rows: Sequence[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_HEADER)
    for number, row in enumerate(rows):
        secure = str(row.implicit_tls).lower()
        writer.writerow((address(number), row.password, row.host, row.port, secure, ""))
    return text.getvalue().encode()


def _settings(order: Order) -> dict[str, Any]:
    room = {"MAX_ROWS": len(order.rows), "MAX_FILE_SIZE": 200 * len(order.rows)}
    return {"TIMEOUT": order.timeout, **(room if len(order.rows) > 500 else {}), **order.settings}


def our_import(order: Order, stack: ExitStack) -> Run:
    """The JSON call as its caller sees it: read, stage, probe, save, answer."""
    from databases import fresh_database
    from host_apps import new_host

    folder = Path(stack.enter_context(TemporaryDirectory()))
    uri = stack.enter_context(fresh_database(order.database, folder))
    ports = {each.port for each in order.rows}
    host = new_host(uri, order.ca_file, *ports, **_settings(order))
    stack.callback(host.close)
    # A workspace of its own each time: no mailbox is there yet.
    keys = iter([host.create_key(f"w{number}") for number in range(_RUNS)])
    data = csv_of(order.rows)

    def run() -> tuple[int, int]:
        body = host.post(data, next(keys), **order.fields).json["data"]
        return body["imported"], body["failed"]

    return run


def our_probe(order: Order, _stack: ExitStack) -> Run:
    """Our connection tests alone: neither file nor database."""
    from flask_mailbox_import.config import Config
    from flask_mailbox_import.core.imports import ImportOptions
    from flask_mailbox_import.core.rows import Outcome
    from flask_mailbox_import.core.secret import generate_encryption_key
    from flask_mailbox_import.probe.pace import Paces
    from flask_mailbox_import.probe.prober import probe_all
    from flask_mailbox_import.reading.reader import read_file

    settings = {
        "ENCRYPTION_KEYS": [generate_encryption_key()],
        "ALLOWED_NETWORKS": ["127.0.0.0/8", "::1/128"],
        "ALLOWED_PORTS": sorted({each.port for each in order.rows}),
        "CA_FILE": order.ca_file,
        **_settings(order),
    }
    config = Config.from_mapping({f"MAILBOX_IMPORT_{k}": v for k, v in settings.items()})
    check = read_file(
        csv_of(order.rows), config, ImportOptions(workspace_id="w1"), lambda _keys: set()
    )
    untested = [
        Outcome(row_id=each.record.row, row=each.record.row, mailbox=each.mailbox)
        for each in check.rows
        if each.mailbox
    ]

    def run() -> tuple[int, int]:
        tests = probe_all(untested, config, Paces(config))
        found = [each for each in tests.results(1) if isinstance(each, Outcome)]
        tests.close()
        good = sum(each.failure is None for each in found)
        return good, len(found) - good

    return run


def threads_and_smtplib(order: Order, _stack: ExitStack) -> Run:
    """What most would write."""
    context = ssl.create_default_context(cafile=order.ca_file)

    def log_in(number: int, row: Row) -> bool:
        try:
            with _connected(row, order.timeout, context) as smtp:
                if not row.implicit_tls:
                    smtp.starttls(context=context)
                smtp.login(address(number), row.password)
            return True
        except OSError:
            return False

    def run() -> tuple[int, int]:
        with ThreadPoolExecutor(CONCURRENCY) as pool:
            good = sum(pool.map(log_in, range(len(order.rows)), order.rows))
        return good, len(order.rows) - good

    return run


def _connected(row: Row, timeout: float, context: ssl.SSLContext) -> smtplib.SMTP:
    if row.implicit_tls:
        return smtplib.SMTP_SSL(row.host, row.port, timeout=timeout, context=context)
    return smtplib.SMTP(row.host, row.port, timeout=timeout)


def aiosmtplib(order: Order, _stack: ExitStack) -> Run:
    """What somebody with asyncio would write."""
    from aiosmtplib import SMTP, SMTPException

    context = ssl.create_default_context(cafile=order.ca_file)

    async def log_in(number: int, row: Row, semaphore: asyncio.Semaphore) -> bool:
        async with semaphore:
            smtp = SMTP(
                hostname=row.host,
                port=row.port,
                use_tls=row.implicit_tls,
                start_tls=not row.implicit_tls,
                tls_context=context,
                timeout=order.timeout,
            )
            try:
                async with smtp:
                    await smtp.login(address(number), row.password)
                return True
            except (SMTPException, OSError):
                return False

    async def log_in_all() -> list[bool]:
        semaphore = asyncio.Semaphore(CONCURRENCY)
        tasks = (log_in(number, row, semaphore) for number, row in enumerate(order.rows))
        return await asyncio.gather(*tasks)

    def run() -> tuple[int, int]:
        good = sum(asyncio.run(log_in_all()))
        return good, len(order.rows) - good

    return run


CLIENTS: dict[str, Callable[[Order, ExitStack], Run]] = {
    "our import": our_import,
    "our probe": our_probe,
    "threads + smtplib": threads_and_smtplib,
    "aiosmtplib": aiosmtplib,
}
