"""The closed list of row codes, and sets of them."""

from __future__ import annotations

from enum import Enum


class Code(str, Enum):
    """The stable slug of a row's outcome: a closed list, part of the public contract."""

    # Rows of the file.
    MISSING_EMAIL = "missing_email"
    INVALID_EMAIL = "invalid_email"
    MISSING_CREDENTIALS = "missing_credentials"
    MISSING_IMAP_HOST = "missing_imap_host"
    INVALID_HOST = "invalid_host"
    INVALID_PORT = "invalid_port"
    PORT_NOT_ALLOWED = "port_not_allowed"
    INVALID_BOOLEAN = "invalid_boolean"
    INVALID_VALUE = "invalid_value"
    CONTROL_CHARACTER = "control_character"
    FIELD_TOO_LONG = "field_too_long"
    WRONG_COLUMN_COUNT = "wrong_column_count"
    DUPLICATE_LOGIN = "duplicate_login"
    DUPLICATE = "duplicate"
    DUPLICATE_IN_FILE = "duplicate_in_file"
    # The connection.
    DNS_FAILURE = "dns_failure"
    CONNECTION_REFUSED = "connection_refused"
    CONNECTION_TIMEOUT = "connection_timeout"
    CONNECTION_CLOSED = "connection_closed"
    NETWORK_UNREACHABLE = "network_unreachable"
    WRONG_PROTOCOL = "wrong_protocol"
    PROTOCOL_ERROR = "protocol_error"
    TLS_MODE_MISMATCH = "tls_mode_mismatch"
    TLS_VERSION = "tls_version"
    TLS_CERT_EXPIRED = "tls_cert_expired"
    TLS_CERT_UNTRUSTED = "tls_cert_untrusted"
    TLS_CERT_HOSTNAME = "tls_cert_hostname"
    STARTTLS_REQUIRED = "starttls_required"
    STARTTLS_UNSUPPORTED = "starttls_unsupported"
    # The login.
    BAD_CREDENTIALS = "bad_credentials"
    APP_PASSWORD_REQUIRED = "app_password_required"  # noqa: S105 (a code, not a password)
    OAUTH_REQUIRED = "oauth_required"
    SMTP_AUTH_DISABLED = "smtp_auth_disabled"
    PROTOCOL_DISABLED = "protocol_disabled"
    POLICY_BLOCKED = "policy_blocked"
    PLAN_REQUIRED = "plan_required"
    WEB_LOGIN_REQUIRED = "web_login_required"
    ACCOUNT_DISABLED = "account_disabled"
    ACCOUNT_BLOCKED = "account_blocked"
    PASSWORD_EXPIRED = "password_expired"  # noqa: S105 (a code, not a password)
    PASSWORD_TOO_WEAK = "password_too_weak"  # noqa: S105 (a code, not a password)
    MAILBOX_UNAVAILABLE = "mailbox_unavailable"
    CLIENT_ID_REQUIRED = "client_id_required"
    CREDENTIALS_ENCODING = "credentials_encoding"
    AUTH_NOT_OFFERED = "auth_not_offered"
    MECHANISM_UNSUPPORTED = "mechanism_unsupported"
    AUTH_REQUIRED = "auth_required"
    # The server's state.
    TOO_MANY_ATTEMPTS = "too_many_attempts"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    RATE_LIMITED = "rate_limited"
    QUOTA_EXCEEDED = "quota_exceeded"
    TEMPORARY_FAILURE = "temporary_failure"
    GREYLISTED = "greylisted"
    SERVER_MISCONFIGURED = "server_misconfigured"
    IP_BLOCKED = "ip_blocked"
    HELO_REJECTED = "helo_rejected"
    MAILBOX_FULL = "mailbox_full"
    # Ours.
    NOT_TESTED = "not_tested"
    CANCELLED = "cancelled"
    INTERNAL = "internal"
    UNKNOWN = "unknown"


#: The cause may be over within seconds: the same run tests the row again after a short wait.
RETRIED = frozenset(
    {
        Code.TOO_MANY_CONNECTIONS,
        Code.RATE_LIMITED,
        Code.TEMPORARY_FAILURE,
        Code.GREYLISTED,
        Code.TOO_MANY_ATTEMPTS,
    }
)

#: The cause may be over later: the row is ``retryable``, and a user may test it again as it is.
RETRYABLE = RETRIED | frozenset(
    {
        Code.CONNECTION_REFUSED,
        Code.CONNECTION_TIMEOUT,
        Code.CONNECTION_CLOSED,
        Code.NETWORK_UNREACHABLE,
        Code.DNS_FAILURE,
        Code.NOT_TESTED,
        Code.CANCELLED,
        Code.INTERNAL,
    }
)

#: The server looked at the login and refused it: counted against ``MAX_REFUSED_LOGINS``. After too
#: many attempts servers do not look.
REFUSED_LOGIN = frozenset(
    {
        Code.BAD_CREDENTIALS,
        Code.APP_PASSWORD_REQUIRED,
        Code.OAUTH_REQUIRED,
        Code.SMTP_AUTH_DISABLED,
        Code.PROTOCOL_DISABLED,
        Code.POLICY_BLOCKED,
        Code.PLAN_REQUIRED,
        Code.WEB_LOGIN_REQUIRED,
        Code.ACCOUNT_DISABLED,
        Code.ACCOUNT_BLOCKED,
        Code.PASSWORD_EXPIRED,
        Code.PASSWORD_TOO_WEAK,
        Code.UNKNOWN,
    }
)

#: The file alone shows what is wrong: its server has nothing to do with it.
OF_THE_FILE = frozenset(
    {
        Code.MISSING_EMAIL,
        Code.INVALID_EMAIL,
        Code.MISSING_CREDENTIALS,
        Code.MISSING_IMAP_HOST,
        Code.INVALID_HOST,
        Code.INVALID_PORT,
        Code.PORT_NOT_ALLOWED,
        Code.INVALID_BOOLEAN,
        Code.INVALID_VALUE,
        Code.CONTROL_CHARACTER,
        Code.FIELD_TOO_LONG,
        Code.WRONG_COLUMN_COUNT,
        Code.DUPLICATE_LOGIN,
        Code.DUPLICATE,
        Code.DUPLICATE_IN_FILE,
    }
)

#: The text of the row alone shows that its server may not be contacted.
REFUSED_TARGET = frozenset({Code.INVALID_HOST, Code.PORT_NOT_ALLOWED})
