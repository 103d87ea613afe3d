"""Mail servers for tests: an app under test logs in to them over real sockets and real TLS.

A host's test of its own import, with pytest (``create_app``, ``db`` and ``mailbox_import`` are the
host's; ``create_app`` puts the settings that it gets into ``app.config``)::

    import io

    from app import create_app, db, mailbox_import
    from flask_mailbox_import.testing import MailServer, csv_file, settings


    def test_import():
        with MailServer({"ann@example.com": "right"}) as server:
            app = create_app(settings(server) | {"SQLALCHEMY_DATABASE_URI": "sqlite://"})
            rows = server.row("ann@example.com", "right"), server.row("bob@example.com", "wrong")
            with app.app_context(), app.test_client() as client:
                db.create_all()
                key = {"X-Api-Key": mailbox_import.create_api_key("acme")}
                form = {"file": (io.BytesIO(csv_file(*rows)), "mailboxes.csv")}
                answer = client.post("/v1/mailboxes/import/smtp", headers=key, data=form).json
                assert (answer["data"]["imported"], answer["data"]["failed"]) == (1, 1)
                assert db.session.query(mailbox_import.models.mailbox).count() == 1

The README beside this file lists every option. The certificates need trustme:
``pip install flask_mailbox_import[testing]``.
"""

from .app_settings import settings
from .certificates import certificate_authority, server_context
from .imap import IMAPServer
from .login_server import CLOSE, Reply
from .mail_server import MailServer, csv_file
from .scripted_server import ScriptedServer
from .scripts import IMAP_DIALOGUE, SMTP_DIALOGUE, Script, up_to
from .server import Session
from .smtp import SMTPServer

__all__ = [
    "CLOSE",
    "IMAP_DIALOGUE",
    "SMTP_DIALOGUE",
    "IMAPServer",
    "MailServer",
    "Reply",
    "SMTPServer",
    "Script",
    "ScriptedServer",
    "Session",
    "certificate_authority",
    "csv_file",
    "server_context",
    "settings",
    "up_to",
]
