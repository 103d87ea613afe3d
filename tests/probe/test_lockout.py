"""A server that has locked us out is not hammered, and its rows say so."""

from __future__ import annotations

import threading
import time

import pytest
from import_calls import codes_of, ended, retry
from mailbox_files import Header, row, rows_on

from flask_mailbox_import.testing import CLOSE, Session, SMTPServer
from flask_mailbox_import.testing.smtp import OK_235, REFUSED_535


class BanningServer(SMTPServer):
    """Refuses passwords called ``no``; after so many refusals it drops every connection.

    :param places: how many connections it takes at once; more are dropped too.
    """

    def __init__(self, *args: object, after: int, places: int = 1000, says: bytes = CLOSE) -> None:
        self.after = after
        self.places = places
        self.says = says
        self.refused = 0
        self.dropped = 0
        self._lock = threading.Lock()
        super().__init__(*args, replies={"greeting": self._greet, "AUTH": self._judge})

    def _greet(self, _session: Session) -> bytes | None:
        if self.refused < self.after and self.open_now <= self.places:
            return None
        with self._lock:
            self.dropped += 1
        return self.says

    def _judge(self, session: Session) -> bytes:
        with self._lock:
            if self.refused >= self.after:
                return CLOSE
            if session.logins[-1][1] != "no":
                return OK_235
            self.refused += 1
            return REFUSED_535


@pytest.fixture
def banning_server(context):
    servers = []

    def start(after: int, **options: object) -> BanningServer:
        servers.append(BanningServer(context, after=after, **options))
        return servers[-1]

    yield start
    for each in servers:
        each.close()


def wrong_rows(server: SMTPServer, count: int, host: str = "localhost") -> str:
    return "".join(row(f"w{each}@x.com", "no", server.port, host=host) for each in range(count))


@pytest.mark.slow
@pytest.mark.parametrize(
    "says", [CLOSE, b"554 5.7.1 Your IP is banned\r\n", b"421 Too many failed logins\r\n"]
)
def test_after_a_lock_out_the_other_rows_are_not_tried(make_host, banning_server, says):
    server = banning_server(5, says=says)
    host = make_host(server.port)
    data = host.post(Header + wrong_rows(server, 60) + rows_on(server, 20, name="g")).json["data"]
    assert codes_of(data) == {"bad_credentials": 5, "too_many_attempts": 75}
    # The first twenty, one for each place that a refusal freed, and the looks that made sure.
    assert len(server.sessions) <= 20 + 5 + 1 + 3
    assert server.refused == 5
    hints = {each["hint"] for each in data["errors"] if each["code"] == "too_many_attempts"}
    (hint,) = hints
    assert "refused 5 logins" in hint
    assert "locked us out" in hint


def test_wrong_passwords_alone_are_no_lock_out(make_host, banning_server):
    server = banning_server(1000)
    host = make_host(server.port)
    data = host.post(Header + wrong_rows(server, 50) + rows_on(server, 20, name="g")).json["data"]
    assert codes_of(data) == {"bad_credentials": 50}
    assert (data["imported"], server.refused) == (20, 50)


@pytest.mark.slow
@pytest.mark.parametrize("places", [1, 8])
def test_a_server_with_few_places_has_locked_out_nobody(make_host, banning_server, places):
    """It drops what is too many, after refused logins too; alone, a connection gets through."""
    server = banning_server(1000, places=places)
    host = make_host(server.port)
    data = host.post(Header + wrong_rows(server, 40) + rows_on(server, 20, name="g")).json["data"]
    assert codes_of(data) == {"bad_credentials": 40}
    assert (data["imported"], server.refused) == (20, 40)


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"PER_HOST": 1}])
def test_a_ban_is_one_though_a_login_has_worked(make_host, banning_server, settings):
    """An ordinary file: one good row to three wrong ones; of the first ones most are good.

    Which of the first twenty is answered first is the machine's choice.
    """
    server = banning_server(5)
    host = make_host(server.port, **settings)
    good = {*range(12), *range(0, 80, 4)}
    lines = [row(f"u{n}@x.com", "right" if n in good else "no", server.port) for n in range(80)]
    data = host.post(Header + "".join(lines)).json["data"]
    found = codes_of(data)
    assert (found.pop("bad_credentials"), data["imported"] > 0) == (5, True)
    assert set(found) == {"too_many_attempts"}


class FastServer(BanningServer):
    """Bans nobody; it drops what is more than so many connections in three seconds."""

    def _greet(self, _session: Session) -> bytes | None:
        with self._lock:
            now = time.monotonic()
            self.recent = [each for each in getattr(self, "recent", []) if each > now - 3]
            if len(self.recent) >= 20:
                return CLOSE
            self.recent.append(now)
        return None


@pytest.mark.slow
def test_a_server_that_limits_connections_in_a_time_has_locked_out_nobody(make_host, context):
    with FastServer(context, after=1000) as server:
        host = make_host(server.port)
        csv = Header + wrong_rows(server, 40) + rows_on(server, 20, name="g")
        data = host.post(csv).json["data"]
    assert codes_of(data) == {"bad_credentials": 40}
    assert data["imported"] == 20


@pytest.mark.slow
@pytest.mark.parametrize("says", [CLOSE, b"421 4.7.0 Too many failed logins\r\n"])
@pytest.mark.parametrize("settings", [{}, {"PER_HOST": 1}])
def test_a_ban_at_the_login_is_seen_too(make_host, context, says, settings):
    class Server(BanningServer):
        def _greet(self, _session: Session) -> None:
            return None

        def _judge(self, session: Session) -> bytes:
            reply = super()._judge(session)
            return says if reply == CLOSE else reply

    with Server(context, after=5) as server:
        host = make_host(server.port, RETRIES=0, **settings)
        data = host.post(Header + wrong_rows(server, 60)).json["data"]
        assert codes_of(data) == {"bad_credentials": 5, "too_many_attempts": 55}
        assert len(server.sessions) <= 20 + 5 + 4


@pytest.mark.slow
def test_names_of_one_address_are_locked_out_together(make_host, banning_server):
    server = banning_server(5)
    host = make_host(server.port, CONCURRENCY=2)
    names = [f"h{each % 7}.localhost" for each in range(21)]
    lines = [row(f"w{n}@x.com", "no", server.port, host=name) for n, name in enumerate(names)]
    data = host.post(Header + "".join(lines)).json["data"]
    assert server.refused == 5
    assert len(server.sessions) <= 5 + 2 + 3
    assert codes_of(data) == {"bad_credentials": 5, "too_many_attempts": 16}


@pytest.mark.slow
def test_what_a_firewall_refuses_is_a_lock_out_too(make_host, banning_server):
    server = banning_server(1000)
    refuse = server._judge

    def judge(session: Session) -> bytes:
        reply = refuse(session)
        if server.refused == 5:
            server._listener.close()
        return reply

    server.replies["AUTH"] = judge
    host = make_host(server.port, CONCURRENCY=1)
    data = host.post(Header + wrong_rows(server, 20)).json["data"]
    assert codes_of(data) == {"bad_credentials": 5, "too_many_attempts": 15}


@pytest.mark.parametrize("limit", [1, 4])
def test_a_host_may_stop_after_so_many_refusals(make_host, banning_server, limit):
    server = banning_server(1000)
    host = make_host(server.port, STOP_AFTER_REFUSED=limit)
    data = host.post(Header + wrong_rows(server, 30) + rows_on(server, 20, name="g")).json["data"]
    assert server.refused == limit
    assert codes_of(data) == {"bad_credentials": limit, "not_tested": 50 - limit}
    untested = [each for each in data["errors"] if each["code"] == "not_tested"]
    assert {each["error"] for each in untested} == {
        f"This mailbox was not tested: the first {limit} logins at its server were refused."
    }


def test_where_a_login_has_worked_nobody_stops(make_host, banning_server):
    server = banning_server(1000)
    host = make_host(server.port, STOP_AFTER_REFUSED=4)
    data = host.post(Header + rows_on(server, 1, name="g") + wrong_rows(server, 30)).json["data"]
    assert (data["imported"], server.refused) == (1, 30)


def test_a_retry_goes_on_where_it_stopped(make_host, banning_server):
    server = banning_server(1000)
    host = make_host(server.port, STOP_AFTER_REFUSED=2)
    data = host.post(Header + wrong_rows(server, 2) + rows_on(server, 9, name="g")).json["data"]
    assert codes_of(data) == {"bad_credentials": 2, "not_tested": 9}
    assert retry(host, data["importId"]).status_code in (200, 202)
    assert ended(host, data["importId"])["imported"] == 9


def test_what_was_tested_is_not_said_to_be_untested(make_host, mail_server):
    server = mail_server(replies={"AUTH": b"454 4.7.0 Too many login attempts\r\n"})
    host = make_host(server.port, STOP_AFTER_REFUSED=4)
    data = host.post(Header + rows_on(server, 20)).json["data"]
    tested = {user for user, _ in server.logins}
    assert len(server.logins) == 4
    found = {each["email"] for each in data["errors"] if each["code"] == "too_many_attempts"}
    assert found == tested
    assert codes_of(data)["not_tested"] == 20 - len(tested)


def test_what_one_import_found_of_a_lock_out_the_next_one_knows(make_host, banning_server):
    server = banning_server(after=5)
    host = make_host(server.port)
    rows = "".join(row(f"a{each}@x.com", "no", server.port) for each in range(30))
    assert codes_of(host.post(Header + rows).json["data"])["too_many_attempts"] == 25
    before = len(server.sessions)
    data = host.post(Header + rows_on(server, 30)).json["data"]
    assert codes_of(data) == {"too_many_attempts": 30}
    # Another workspace's refusals are not told.
    assert "refused 5" not in data["errors"][0]["hint"]
    assert len(server.sessions) - before <= 2
    server.after = 1000
    data = host.post(Header + rows_on(server, 30)).json["data"]
    assert data["imported"] == 30
