"""What servers write in their replies -> the code of the cause; rules as data, no numbers."""

from __future__ import annotations

import re

from ..codes import Code

# Words decide first, wherever in the dialogue they come. Order: the narrower cause before the
# wider one. Sources of each wording: the servers and providers named beside it.
_WORDS: tuple[tuple[Code, re.Pattern[str]], ...] = tuple(
    (code, re.compile(pattern, re.IGNORECASE))
    for code, pattern in (
        # Gmail, Yahoo (#AUTH005 comes at the first try), iCloud, Fastmail, QQ, NetEase
        (
            Code.APP_PASSWORD_REQUIRED,
            r"(application|app)[- ]?specific password|\bapp password|authori[sz]ation code"
            r"|#AUTH005",
        ),
        # Microsoft 365
        (Code.SMTP_AUTH_DISABLED, r"SmtpClientAuthentication is disabled"),
        (
            Code.POLICY_BLOCKED,
            r"security defaults policy|conditional access|did not meet the criteria",
        ),
        (Code.OAUTH_REQUIRED, r"basic authentication is (disabled|not supported)"),
        (Code.MAILBOX_UNAVAILABLE, r"mailbox (cannot be accessed|is (unavailable|inactive))"),
        (Code.WEB_LOGIN_REQUIRED, r"(log|sign) ?in (via|with|to).{0,40}web ?browser"),
        # NetEase; Zoho, GMX
        (
            Code.PROTOCOL_DISABLED,
            r"user has no permission|(smtp|imap|pop3?)( access)? is (disabled|not enabled|off)",
        ),
        (
            Code.TOO_MANY_ATTEMPTS,
            r"too many.{0,30}(login|logon|auth)|(login|auth)\w* (too many times|rate limit)",
        ),
        (
            Code.TOO_MANY_CONNECTIONS,
            r"too many.{0,30}(connection|session)|(connection|session)s? limit"
            r"|(concurrent|simultaneous) (connection|session)"
            r"|maximum (number of )?(connection|session)",
        ),
        (Code.RATE_LIMITED, r"rate.?limit|throttl|slow down|too fast|too many messages"),
        (Code.GREYLISTED, r"gr[ea]y.?list"),
        # Exchange Online; Exim when a client speaks before its turn
        (Code.TLS_VERSION, r"TLS 1\.[01]\b.{0,40}not supported"),
        (Code.TLS_MODE_MISMATCH, r"synchroni[sz]ation error"),
        (
            Code.IP_BLOCKED,
            r"blacklist|blocklist|block list|\bRBL\b|spamhaus|your ip .{0,40}block"
            r"|not in (the )?(white|allow)list",
        ),
        (
            Code.STARTTLS_REQUIRED,
            r"STARTTLS (command )?first|encryption (is )?required|(SSL|TLS).{0,20}is required",
        ),
        # Proton, with 535
        (
            Code.MECHANISM_UNSUPPORTED,
            r"(invalid|unsupported|unrecogni[sz]ed) authentication (mech|type)",
        ),
        (Code.ACCOUNT_DISABLED, r"account.{0,20}(disabled|suspended|deactivated)"),
        (Code.PASSWORD_EXPIRED, r"password.{0,20}expired"),
    )
)


def code_of_words(words: str) -> Code | None:
    """Return the code of the first wording that a reply holds; None where its numbers decide."""
    return next((code for code, pattern in _WORDS if pattern.search(words)), None)
