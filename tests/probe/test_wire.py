"""One connection: certificates are verified, old TLS is refused, and a flood holds nobody up."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import threading
import warnings
from functools import partial
from pathlib import Path

import gevent
import pytest
import trustme
from import_calls import verdict
from mailbox_files import Header, row
from project_paths import TESTS
from server_certificates import server_context

from flask_mailbox_import.probe.faults import ReplyTooLong
from flask_mailbox_import.probe.guard import Guard, Policy
from flask_mailbox_import.probe.hub import HubRun
from flask_mailbox_import.probe.lines import MAX_REPLY
from flask_mailbox_import.probe.wire import Wire, tls_context
from flask_mailbox_import.testing import ScriptedServer, SMTPServer

NETWORK = ipaddress.ip_network("127.0.0.0/8")


LATER = datetime.datetime.now(datetime.timezone.utc)


@pytest.mark.slow
def test_certificates_are_verified(ca, make_host, mail_server):
    past = LATER - datetime.timedelta(days=2)
    contexts = {
        "tls_cert_untrusted": server_context(trustme.CA()),
        "tls_cert_hostname": server_context(ca, "other.example.com"),
        "tls_cert_expired": server_context(ca, not_before=past, not_after=past),
    }
    for code, context in contexts.items():
        for implicit in (False, True):
            server = mail_server(context=context, implicit_tls=implicit)
            secure = str(implicit).lower()
            assert verdict(make_host(server.port), server, secure=secure)[0] == code
            assert server.commands(b"AUTH") == []


def test_a_ca_file_may_hold_the_certificate_of_one_server(ca, tmp_path):
    path = tmp_path / "server.pem"
    ca.issue_cert("mail.example.com").cert_chain_pems[0].write_to_path(str(path))
    assert tls_context(str(path)).cert_store_stats()["x509"] == 1


def test_old_tls_is_refused(ca, make_host, mail_server):
    context = server_context(ca)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    server = mail_server(context=context)
    assert verdict(make_host(server.port), server)[0] == "tls_version"


def explained(make_host, server: SMTPServer, *, secure: bool) -> tuple[str, str]:
    csv = Header + row("a@x.com", "pw", server.port, secure=str(secure).lower())
    (error,) = make_host(server.port, RETRIES=0).post(csv).json["data"]["errors"]
    return error["code"], error["error"]


def weak_key_exchange(ca: trustme.CA, _folder: Path) -> ssl.SSLContext:
    """TLS 1.2 with Diffie-Hellman of 1024 bits."""
    context = server_context(ca, key_type=trustme.KeyType.RSA)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("DHE-RSA-AES256-GCM-SHA384:@SECLEVEL=0")
    context.load_dh_params(str(TESTS / "data" / "weak_dh.pem"))
    return context


def no_key_exchange(ca: trustme.CA, _folder: Path) -> ssl.SSLContext:
    """TLS 1.2 without forward secrecy."""
    context = server_context(ca, key_type=trustme.KeyType.RSA)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AES256-GCM-SHA384")
    return context


def no_intermediate(ca: trustme.CA, folder: Path) -> ssl.SSLContext:
    between = ca.create_child_ca()
    issued = between.issue_cert("localhost", "127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(str(folder / "leaf.pem"))
    issued.private_key_pem.write_to_path(str(folder / "leaf.key"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(folder / "leaf.pem"), str(folder / "leaf.key"))
    return context


def client_certificate(ca: trustme.CA, _folder: Path, version: ssl.TLSVersion) -> ssl.SSLContext:
    context = server_context(ca)
    context.maximum_version = version
    context.verify_mode = ssl.CERT_REQUIRED
    ca.configure_trust(context)
    return context


@pytest.mark.parametrize("secure", [True, False])
@pytest.mark.parametrize(
    ("made", "code", "words"),
    [
        (weak_key_exchange, "tls_version", "key exchange is too weak"),
        (no_key_exchange, "tls_version", "no method of encryption in common"),
        (no_intermediate, "tls_cert_untrusted", "leads to no issuer"),
        (
            partial(client_certificate, version=ssl.TLSVersion.TLSv1_2),
            "mechanism_unsupported",
            "wants a certificate from this app",
        ),
        (
            partial(client_certificate, version=ssl.TLSVersion.TLSv1_3),
            "mechanism_unsupported",
            "wants a certificate from this app",
        ),
    ],
)
def test_each_fault_of_tls_has_its_own_sentence(
    ca, tmp_path, make_host, mail_server, made, code, words, secure
):
    server = mail_server(context=made(ca, tmp_path), implicit_tls=secure)
    found, sentence = explained(make_host, server, secure=secure)
    assert (found, words in sentence) == (code, True)
    assert server.logins == []


@pytest.mark.slow
def test_between_two_reads_of_a_flood_others_have_their_turn(ca_file):
    sent, size, line = threading.Event(), 4000, b"220-" + b"x" * 3994 + b"\r\n"

    class Full(ScriptedServer):
        def _talk(self, session):
            session.sock.sendall(line * (2 * MAX_REPLY // size))
            sent.set()
            super()._talk(session)

    def work(emit, _draining):
        with Guard(Policy(allowed_networks=(NETWORK,)), 5) as guard:
            wire = Wire(guard, context, "127.0.0.1", server.port)
            wire.open(5)
            # All of it lies ready: no read has to wait.
            assert sent.wait(10)
            emit(turns_during(wire))
            wire.close()

    context = tls_context(ca_file)
    with Full([]) as server:
        run = HubRun(work)
        try:
            (turns,) = run.results(20)
        finally:
            run.close()
    assert turns >= MAX_REPLY // size


def turns_during(wire: Wire) -> int:
    """Count the turns of another greenlet while a reply is read that never ends."""
    turns = []

    def other() -> None:
        while True:
            turns.append(None)
            gevent.sleep(0)

    beside = gevent.spawn(other)
    with pytest.raises(ReplyTooLong):
        read_all(wire)
    beside.kill()
    return len(turns)


def read_all(wire: Wire) -> None:
    while True:
        wire.lines.readline()
