"""What a server may be called: judged by the text, before anything is looked up."""

from __future__ import annotations

import ipaddress

import pytest

from flask_mailbox_import.core.validators import HostRefused, judge_host, judge_port, shown_server

INSIDE = (ipaddress.ip_network("10.1.0.0/16"),)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("smtp.example.com", "smtp.example.com"),
        ("SMTP.Example.COM.", "smtp.example.com"),
        ("löwe.example", "xn--lwe-sna.example"),
        ("a-b.c1.museum", "a-b.c1.museum"),
        ("faß.de", "xn--fa-hia.de"),
    ],
)
def test_names(text, name):
    assert judge_host(text) == name


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "localhost", "LOCALHOST.", "metadata", "10.1.2.3", "127.1", "2130706433"),
        *("0x7f000001", "0x7f.1", "0177.0.0.1", "127.0.0.1.", "[::1]", "::1", "fe80::1%eth0"),
        *("①②⑦.0.0.1", "127。0。0。1", "127.0.0.1\0.smtp.gmail.com", "smtp..com", "-a.com"),
        *("a_b.com", "smtp.example.com:25", "http://smtp.example.com", "smtp.example.com/x"),
        *("smtp example.com", "smtp.example.com\r\nX", "x" * 64 + ".com", "a." * 127 + "com"),
        *("smtp.example.1", "smtp.0x1", "user@smtp.example.com", "l\u200docalhost"),
    ],
)
def test_everything_else_is_refused(text):
    with pytest.raises(HostRefused):
        judge_host(text)


def test_allowed_networks_allow_their_addresses_and_single_labels():
    assert judge_host("10.1.2.3", INSIDE) == "10.1.2.3"
    assert judge_host("mailhost", INSIDE) == "mailhost"
    with pytest.raises(HostRefused):
        judge_host("10.2.0.1", INSIDE)


@pytest.mark.parametrize(
    "text",
    ["0", "65536", "66123", "5_87", "+587", " 587", "\uff15\uff18\uff17", "ssh", ""],
)
def test_no_port(text):
    with pytest.raises(ValueError, match="port"):
        judge_port(text, (587,))


def test_ports():
    assert judge_port("587", (587,)) == 587
    assert judge_port("22", (587,)) is None


@pytest.mark.parametrize(
    "text",
    [
        *("Passwort.2024", "Sup.er_Secret", "pass_w0rd.x", "-Abc.9", "ab:cdef", "hunter2", ""),
        *("a b.com", "x" * 300 + ".com"),
    ],
)
def test_what_cannot_be_a_server_is_not_shown(text):
    assert shown_server(text) == ""


@pytest.mark.parametrize(
    "text", ["smtp.x.com", "SMTP.X.com", "192.0.2.1", "2001:db8::1", "localhost"]
)
def test_a_server_is_shown_as_it_is(text):
    assert shown_server(text) == text
