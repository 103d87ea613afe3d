"""How often the diagnosis names the right cause: ``python tests/benchmarks/diagnosis.py``.

The replies were seen in public: in bug reports, help pages and the source of mail servers. Those of
the set "in view" were read while the rules were written. The set "unseen" was collected by somebody
else; of its half that was never looked at, the rules named 78 % right (88 % with the other causes
that its collector also lets pass), and 98 % of what is tried again, before any of it was read.

Leaving one provider out: for each provider, every wording that is borne out by replies of this
provider alone is dropped before its replies are judged, as if they had never been seen. The last
figure drops what we know of the provider from its help pages, too.
"""

from __future__ import annotations

import argparse
import errno
import json
import re
import ssl
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path

from flask_mailbox_import.core.mailboxes import Login, Protocol, Security, Stage
from flask_mailbox_import.core.providers import PROVIDERS, Provider
from flask_mailbox_import.core.secret import Secret
from flask_mailbox_import.probe import diagnosis, replies
from flask_mailbox_import.probe.faults import HungUp, NoCommonMechanism, ReplyRefused
from flask_mailbox_import.probe.guard import NoAddress

REPLIES = Path(__file__).with_name("replies.json")
STAGES = {
    "connect": Stage.GREETING,
    "banner": Stage.GREETING,
    "ehlo": Stage.EHLO,
    "starttls": Stage.TLS,
    "auth": Stage.AUTH,
    "select": Stage.SELECT,
}
#: Names of the data for providers that we know by another.
NAMES = {
    "gmail": "Gmail",
    "microsoft365": "Microsoft 365",
    "outlook": "Outlook.com",
    "yahoo": "Yahoo",
    "aol": "AOL",
    "icloud": "iCloud",
    "fastmail": "Fastmail",
    "zoho": "Zoho",
}
#: What other clients print for what is an exception here.
EXCEPTIONS: tuple[tuple[str, BaseException], ...] = (
    (r"Name or service not known|getaddrinfo|NXDOMAIN", NoAddress()),
    (r"AUTH extension not supported", NoCommonMechanism(())),
    (r"Network is unreachable", OSError(errno.ENETUNREACH, "")),
    (r"No route to host", OSError(errno.EHOSTUNREACH, "")),
    (r"Connection refused|actively refused", ConnectionRefusedError()),
    (r"timed out|10060", TimeoutError()),
    (r"socket error: EOF|Unexpected socket close|logging out$", HungUp()),
)


def _certificate_fault(number: int) -> ssl.SSLCertVerificationError:
    fault = ssl.SSLCertVerificationError(1, "certificate verify failed")
    fault.verify_code = number
    return fault


def _tls_fault(reason: str) -> ssl.SSLError:
    fault = ssl.SSLError(1, reason)
    fault.reason = reason
    return fault


TLS_EXCEPTIONS: tuple[tuple[str, BaseException], ...] = (
    (r"has expired", _certificate_fault(10)),
    (r"hostname mismatch|Hostname mismatch", _certificate_fault(62)),
    (r"self[- ]signed|unable to verify", _certificate_fault(18)),
    (r"wrong version number|WRONG_VERSION_NUMBER", _tls_fault("WRONG_VERSION_NUMBER")),
    (r"handshake failure|HANDSHAKE_FAILURE", _tls_fault("SSLV3_ALERT_HANDSHAKE_FAILURE")),
    (r"unsupported protocol", _tls_fault("UNSUPPORTED_PROTOCOL")),
    (r"DH_KEY_TOO_SMALL", _tls_fault("DH_KEY_TOO_SMALL")),
    (r"SSLEOFError|EOF occurred", ssl.SSLEOFError()),
)


def login_of(row: Mapping[str, object]) -> Login:
    protocol = Protocol.IMAP if row["protocol"] == "imap" else Protocol.SMTP
    return Login(
        protocol=protocol,
        host="mail.example.com",
        port=587,
        security=Security.STARTTLS,
        username="user@example.com",
        password=Secret("hunter2hunter2"),
    )


def fault_of(row: Mapping[str, object]) -> BaseException:
    """Return what a test of ours would have met in place of the line that was seen."""
    text = str(row["reply"])
    tables = {"smtp": (), "imap": (), "tls": TLS_EXCEPTIONS, "tcp": EXCEPTIONS, "dns": EXCEPTIONS}
    for pattern, fault in tables[str(row["protocol"])]:
        if re.search(pattern, text):
            return fault
    if row["protocol"] in ("tls", "tcp", "dns"):
        return TimeoutError() if "never received" in text else _tls_fault("")
    if "extension not supported" in text:
        return NoCommonMechanism(())
    if row["protocol"] == "imap":
        lines = [re.sub(r"^(\* |%s |[A-Z]*\d+ )?", "", each) for each in text.split("\n")]
        lines.sort(key=lambda each: not re.match(r"(NO|BAD) ", each))
        if not re.match(r"(NO|BAD|BYE)\b", lines[0]):
            lines[0] = f"{'BYE' if row['stage'] == 'banner' else 'NO'} {lines[0]}"
        return ReplyRefused(None, "\n".join(lines).encode())
    # As smtplib hands it over: the code of each line is gone.
    lines = [re.sub(r"^\d{3}[ -]?", "", each) for each in text.split("\n")]
    if row["enhanced"] and not lines[0].startswith(str(row["enhanced"])):
        lines[0] = f"{row['enhanced']} {lines[0]}"
    code = row["code"]
    return ReplyRefused(int(str(code)) if code else 535, "\n".join(lines).encode())


def provider_of(row: Mapping[str, object], known: Iterable[Provider]) -> Provider | None:
    host = str(row.get("host") or "")
    name = NAMES.get(str(row["provider"]))
    for each in known:
        if each.name == name or (host and each.hosts.fullmatch(host)):
            return each
    return None


def judge(row: Mapping[str, object], known: Iterable[Provider] = PROVIDERS) -> str:
    stage = STAGES[str(row["stage"])]
    if row["protocol"] in ("tcp", "dns") and row["stage"] == "connect":
        stage = Stage.CONNECT
    finding = diagnosis.diagnose(login_of(row), stage, fault_of(row), provider_of(row, known))
    return finding.code.value


@contextmanager
def without(provider: str, rows: list[dict[str, object]]):
    """Drop the wordings that only replies of one provider bear out, in every table."""
    others = [str(each["reply"]) for each in rows if each["provider"] != provider]
    own = [str(each["reply"]) for each in rows if each["provider"] == provider]

    dropped = {
        id(each)
        for each in (*replies.DECISIVE, *replies.LATER, *replies.EXPLICIT, *replies.REFUSED)
        if any(each.pattern.search(text) for text in own)
        and not any(each.pattern.search(text) for text in others)
    }
    original = diagnosis.code_of_words

    def code_of_words(words, stage, rules=replies.DECISIVE):
        return original(words, stage, tuple(each for each in rules if id(each) not in dropped))

    diagnosis.code_of_words = code_of_words
    try:
        yield
    finally:
        diagnosis.code_of_words = original


def leave_one_out(
    rows: list[dict[str, object]], evidence: list[dict[str, object]], *, strict: bool
) -> list[tuple[dict[str, object], str]]:
    judged = []
    for provider in sorted({str(each["provider"]) for each in rows}):
        own = NAMES.get(provider) if strict else None
        known = [each for each in PROVIDERS if each.name != own]
        with without(provider, evidence):
            judged += [(row, judge(row, known)) for row in rows if row["provider"] == provider]
    return judged


def share(pairs: Iterable[bool]) -> str:
    found = list(pairs)
    return f"{100 * sum(found) / max(1, len(found)):5.1f} % ({sum(found)} of {len(found)})"


def retried(code: object) -> bool:
    return code in {each.value for each in diagnosis.RETRIED}


def right(row: Mapping[str, object], code: str) -> bool:
    return code == row["cause"]


def report(title: str, judged: list[tuple[dict[str, object], str]], *, verbose: bool) -> None:
    print(title)
    print("  right cause:     ", share(right(row, code) for row, code in judged))
    print(
        "  right retry:     ", share(retried(row["cause"]) == retried(code) for row, code in judged)
    )
    plain = [row for row, code in judged if code == "bad_credentials" and not right(row, code)]
    print(f"  wrongly plain:    {len(plain)}")
    if verbose:
        confused = Counter(
            (str(row["cause"]), code) for row, code in judged if not right(row, code)
        )
        for (cause, code), count in confused.most_common():
            print(f"    {count} x {cause} taken for {code}")
            for row, found in judged:
                if (row["cause"], found) == (cause, code):
                    print(f"        {row['provider']}: {str(row['reply'])[:110]!r}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, default=[REPLIES])
    parser.add_argument("--quiet", action="store_true")
    arguments = parser.parse_args()
    evidence = [
        each
        for path in arguments.files
        for each in json.loads(path.read_text())
        if each["stage"] in STAGES
    ]
    for name in dict.fromkeys(each.get("set", "all") for each in evidence):
        rows = [each for each in evidence if each.get("set", "all") == name]
        verbose = not arguments.quiet
        print(f"{name}: {len(rows)} replies")
        report("with all rules", [(row, judge(row)) for row in rows], verbose=verbose)
        for strict in (False, True):
            title = "without the wordings that only this provider writes"
            title += ", and without what its help pages say" if strict else ""
            judged = leave_one_out(rows, evidence, strict=strict)
            report(title, judged, verbose=verbose and not strict)


if __name__ == "__main__":
    main()
