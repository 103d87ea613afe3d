"""A host whose visitors sign in, and imports with failed rows, for the pages that mend these."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from flask import redirect, request, session
from host_apps import Host
from mailbox_files import Header, row

from flask_mailbox_import.probe.guard import Guard
from flask_mailbox_import.testing import SMTPServer
from flask_mailbox_import.testing.smtp import OK_235, REFUSED_535

#: The name of the mail server, and one that no server has.
RIGHT, MISTYPED = "smtp.example.com", "smtp.exmaple.com"
#: The password that the mail server accepts from everybody.
PASSWORD = "pw"

_SIGN_IN = (
    "<!doctype html><title>Sign in</title><form method=post>"
    "<label>Workspace <input name=workspace></label><button>Enter</button></form>"
)


def judged(session) -> bytes:
    """Return what the mail server says to a login."""
    return OK_235 if session.logins[-1][1] == PASSWORD else REFUSED_535


def know_names(monkeypatch, names: Mapping[str, str]) -> None:
    """Look names up here alone: any other name has no server."""

    def look_up(_guard: Guard, name: str):
        return (ipaddress.ip_address(names[name]),) if name in names else ()

    monkeypatch.setattr(Guard, "_look_up", look_up)


class MendingHost:
    """A host app, served at an address, whose imports have failed rows.

    :param redirects: who has no session is sent to the page that signs in; else it is a 401.
    """

    def __init__(self, host: Host, mail: SMTPServer, *, redirects: bool = True) -> None:
        self.host = host
        self.mail = mail
        #: Set once it is served.
        self.address = ""
        self._redirects = redirects
        host.app.add_url_rule("/sign-in", view_func=self.sign_in, methods=["GET", "POST"])
        host.extension.workspace_loader(self._workspace)

    @property
    def page(self) -> str:
        """The address of the upload page."""
        return f"{self.address}/mailboxes/import"

    def sign_in(self):
        if request.method == "GET":
            return _SIGN_IN
        session["workspace"] = request.form["workspace"]
        return redirect("/mailboxes/import", 303)

    def _workspace(self):
        return session.get("workspace") or (redirect("/sign-in") if self._redirects else None)

    def imported(self, *rows: str, workspace: str = "w1", **fields: str) -> str:
        """Import rows and wait for the end; return the address of the result page."""
        key = self.host.create_key(workspace)
        answer = self.host.post(Header + "".join(rows), key, **fields)
        return f"{self.page}/{answer.json['data']['importId']}"

    def rows(
        self, count: int, host: str = RIGHT, password: str = PASSWORD, name: str = "u"
    ) -> list[str]:
        """Return so many rows at the mail server's port."""
        return [
            row(f"{name}{each}@x.com", password, self.mail.port, host=host) for each in range(count)
        ]

    def many(self) -> list[str]:
        """Return 500 rows: 140 that work, 300 of one cause, 40 of another, 20 of their own."""
        own = [row(f"port{each}@x.com", PASSWORD, 30 + each, host=RIGHT) for each in range(20)]
        return [
            *self.rows(140, name="good"),
            *self.rows(300, host=MISTYPED, name="typo"),
            *self.rows(40, password="old", name="old"),
            *own,
        ]
