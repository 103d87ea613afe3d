"""What is measured against which servers: a table of scenarios, and their rows; runs nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from clients import CONCURRENCY, Row
from mail_fleet import WRONG, Kind

OURS = ("our import", "our probe")
PEERS = ("threads + smtplib", "aiosmtplib")
LATENCY = 0.05
#: Connect and greeting, EHLO, STARTTLS, TLS, EHLO, AUTH (RFC 5321, 3207, 8446, 4954).
STARTTLS_TRIPS = 6
#: The same where only LOGIN is offered: a prompt for the name, and one for the password.
LOGIN_TRIPS = 8
#: Connect and TLS, greeting, EHLO, AUTH (RFC 8314).
TLS_TRIPS = 4
#: The names of a file's servers end so; peers get the address, and so no look-ups at all.
DOMAIN = "fleet.localhost"
_SERVERS = 10
_EVERY = 10


@dataclass(frozen=True)
class Scenario:
    """Some rows on some servers, for some clients."""

    name: str
    clients: tuple[str, ...]
    kinds: tuple[Kind, ...] = (Kind(),) * _SERVERS
    rows: int = 500
    #: Round trips that a row cannot do without.
    trips: int = STARTTLS_TRIPS
    #: Every tenth row has a "wrong" password, or is on the "last" server.
    tenth: str = ""
    timeout: float = 20.0
    #: How many names lead to the servers, for our import.
    names: int = _SERVERS
    fields: dict[str, str] = field(default_factory=dict)
    database: str = "sqlite"
    watch: str = ""

    @property
    def bound(self) -> float:
        """The seconds that the round trips alone take, 20 rows at a time."""
        return math.ceil(self.rows / CONCURRENCY) * self.trips * self.kinds[0].latency

    @property
    def good(self) -> int:
        """How many logins are to work."""
        if len(self.kinds) == 1 and self.kinds[0].silent:
            return 0
        return self.rows - (self.rows // _EVERY if self.tenth else 0)

    def rows_for(self, client: str, ports: Sequence[int]) -> list[Row]:
        ours = client in OURS
        others = ports[:-1] if self.tenth == "last" and len(ports) > 1 else ports
        rows = []
        for number in range(self.rows):
            special = self.tenth if number % _EVERY == 0 else ""
            server = len(ports) - 1 if special == "last" else number % len(others)
            rows.append(
                Row(
                    host=f"h{server + self._more_names(number)}.{DOMAIN}" if ours else "127.0.0.1",
                    port=ports[server],
                    password=WRONG if special == "wrong" else f"secret {number}",
                    implicit_tls=self.kinds[server].implicit_tls,
                )
            )
        return rows

    def _more_names(self, number: int) -> int:
        return _SERVERS * (number // _SERVERS % (self.names // _SERVERS))


def _servers(**options: object) -> tuple[Kind, ...]:
    return (Kind(**options),) * _SERVERS  # type: ignore[arg-type]


_FAR = _servers(latency=LATENCY)
_UNTESTED = {"skipConnectionTest": "true"}
_READ = {"dryRun": "true"}

SCENARIOS = (
    Scenario("STARTTLS, 0 ms", OURS + PEERS),
    Scenario("STARTTLS, 50 ms", OURS + PEERS, _FAR),
    Scenario(
        "the same, CRAM-MD5 offered too",
        OURS[:1] + PEERS,
        _servers(latency=LATENCY, mechanisms="CRAM-MD5 PLAIN LOGIN"),
    ),
    Scenario(
        "STARTTLS, 50 ms, LOGIN only",
        OURS[:1] + PEERS,
        _servers(latency=LATENCY, mechanisms="LOGIN"),
        trips=LOGIN_TRIPS,
    ),
    Scenario("STARTTLS, 50 ms, one host", OURS + PEERS, (Kind(latency=LATENCY),)),
    Scenario(
        "implicit TLS, 50 ms",
        OURS + PEERS,
        _servers(latency=LATENCY, implicit_tls=True),
        trips=TLS_TRIPS,
    ),
    Scenario("STARTTLS, 50 ms, 1 of 10 wrong", OURS + PEERS, _FAR, tenth="wrong"),
    Scenario("a limit of 10 at one host", OURS[:1], (Kind(latency=LATENCY, most=10),)),
    Scenario("a name a row", OURS[:1], _FAR, names=500),
    Scenario("stalls of the hub, 50 ms", OURS[:1], _FAR, watch="hub"),
    Scenario(
        "1 of 10 on a silent host",
        OURS + PEERS,
        (*_FAR[1:], Kind(silent=True)),
        tenth="last",
        timeout=10,
    ),
    Scenario("all on one silent host", OURS + PEERS, (Kind(silent=True),), timeout=4),
    Scenario("1 of 10 where nobody listens", OURS, (*_FAR[1:], Kind(closed=True)), tenth="last"),
    Scenario("500 rows, 0 ms", OURS[:1], rows=500),
    Scenario("2,000 rows, 0 ms", OURS[:1], rows=2_000),
    Scenario("10,000 rows, 0 ms", OURS[:1], rows=10_000),
    Scenario("reading alone", OURS[:1], fields=_READ, watch="statements"),
    Scenario("no tests, SQLite", OURS[:1], fields=_UNTESTED, watch="statements"),
    Scenario(
        "no tests, SQLite, 5,000 rows", OURS[:1], rows=5_000, fields=_UNTESTED, watch="statements"
    ),
    Scenario(
        "no tests, PostgreSQL",
        OURS[:1],
        fields=_UNTESTED,
        database="postgresql",
        watch="statements",
    ),
)
