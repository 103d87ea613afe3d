"""The sentence and the hint of each code, and of the causes within a code that have their own."""

from __future__ import annotations

from enum import Enum

from .codes import Code

#: Contract: these two sentences never change.
BAD_CREDENTIALS = "Authentication failed. Check username/password."
MISSING_CREDENTIALS = "Missing SMTP host or password"

_FULL_NAME = "Give the server's full name as the provider does, such as %(protocol)s.example.com."
_TRUE_OR_FALSE = "true: encrypted from the start (ports 465 and 993); false: STARTTLS (587)."

#: The sentence and the hint of each code. Of a server, ``secure`` is our column for its encryption,
#: ``tls`` and ``starttls`` are the usual ports of its protocol.
EXPLANATIONS: dict[Code, tuple[str, str]] = {
    Code.MISSING_EMAIL: (
        "The email address is missing.",
        "Add it.",
    ),
    Code.INVALID_EMAIL: (
        "This is not a valid email address.",
        "An address looks like name@example.com.",
    ),
    Code.MISSING_CREDENTIALS: (
        MISSING_CREDENTIALS,
        "Fill in the columns smtphost and password.",
    ),
    Code.MISSING_IMAP_HOST: (
        "The IMAP host is missing, and reading was to be tested too.",
        "Fill in the column imaphost, or import without the IMAP test.",
    ),
    Code.INVALID_HOST: (
        "The column %(column)s is not a server name.",
        _FULL_NAME,
    ),
    Code.INVALID_PORT: (
        "The column %(column)s is not a port number.",
        "Use one of %(allowed)s, or leave it empty for %(default)s.",
    ),
    Code.PORT_NOT_ALLOWED: (
        "The port in the column %(column)s is not allowed.",
        "Use one of %(allowed)s.",
    ),
    Code.INVALID_BOOLEAN: (
        "The column %(column)s is neither true nor false.",
        _TRUE_OR_FALSE,
    ),
    Code.INVALID_VALUE: (
        "The column %(column)s is neither true nor false.",
        "Write true or false.",
    ),
    Code.CONTROL_CHARACTER: (
        "The column %(column)s holds %(character)s.",
        "Type the value anew in place of pasting it.",
    ),
    Code.FIELD_TOO_LONG: (
        "The column %(column)s is longer than %(limit)s characters.",
        "Check whether two cells ran together.",
    ),
    Code.WRONG_COLUMN_COUNT: (
        "This row has more cells than the header's %(count)s.",
        "Put a cell that holds the delimiter itself in quotation marks.",
    ),
    Code.DUPLICATE: (
        "This mailbox is already in the workspace.",
        "Nothing to do.",
    ),
    Code.DUPLICATE_IN_FILE: (
        "This mailbox is in the file more than once; the first row counts.",
        "Nothing to do.",
    ),
    Code.DUPLICATE_LOGIN: (
        "An earlier row has the same server and username with another password.",
        "Keep the row with the right password; this one was not tested.",
    ),
    Code.DNS_FAILURE: (
        "No mail server of this name can be reached.",
        "Check the server name for typing errors; it must be a public name.",
    ),
    Code.CONNECTION_REFUSED: (
        "Nothing answers at this server and port.",
        "Check the server name and the port: most providers use %(starttls)s or %(tls)s.",
    ),
    Code.CONNECTION_TIMEOUT: (
        "The mail server did not answer in time.",
        "Check the server name, the port and %(secure)s; if all are right, test again later.",
    ),
    Code.CONNECTION_CLOSED: (
        "The mail server ended the connection.",
        "Test again; if it happens again, check the port and %(secure)s.",
    ),
    Code.NETWORK_UNREACHABLE: (
        "There is no network path to this mail server.",
        "Test again later, or ask whoever runs this app.",
    ),
    Code.WRONG_PROTOCOL: (
        "Another kind of server answers on this port.",
        "Check the port: sending mail uses %(starttls)s or %(tls)s, not the port for reading mail.",
    ),
    Code.PROTOCOL_ERROR: (
        "What answers on this port does not behave like a mail server.",
        "Check the server name and the port.",
    ),
    Code.TLS_MODE_MISMATCH: (
        "The encryption setting does not fit this port.",
        "Use port %(starttls)s with %(secure)s=false; this port speaks no TLS here.",
    ),
    Code.TLS_VERSION: (
        "The mail server only offers outdated encryption.",
        "Ask whoever runs the mail server to allow TLS 1.2 or newer.",
    ),
    Code.TLS_CERT_EXPIRED: (
        "The mail server's security certificate has expired, or is not valid yet.",
        "Ask whoever runs the mail server to renew it.",
    ),
    Code.TLS_CERT_UNTRUSTED: (
        "The mail server's certificate is not from a trusted issuer.",
        "Ask your provider for the right server name, or whoever runs the server for a "
        "certificate from a public issuer.",
    ),
    Code.TLS_CERT_HOSTNAME: (
        "The mail server's certificate is for another server name.",
        "Use the server name that your provider's help pages give.",
    ),
    Code.STARTTLS_REQUIRED: (
        "The mail server wants encryption before a login.",
        "Use port %(starttls)s with %(secure)s=false, or port %(tls)s with %(secure)s=true.",
    ),
    Code.STARTTLS_UNSUPPORTED: (
        "The mail server offers no encryption on this port, so the password was not sent.",
        "Use port %(tls)s with %(secure)s=true.",
    ),
    Code.BAD_CREDENTIALS: (
        BAD_CREDENTIALS,
        "The password is probably wrong or old: try it at the provider's web mail. If it works "
        "there, the provider may want an app password here.",
    ),
    Code.APP_PASSWORD_REQUIRED: (
        "The provider wants an app password here, not the account's own password.",
        "The mailbox's owner makes an app password, a second one for programs, in the account's "
        "security settings at the provider; use that here.",
    ),
    Code.OAUTH_REQUIRED: (
        "The provider does not let programs log in to this mailbox with a password.",
        "It can only be connected with the provider's own sign-in (OAuth).",
    ),
    Code.SMTP_AUTH_DISABLED: (
        "Sending by login is switched off for this mailbox.",
        "Ask the administrator to turn on Authenticated SMTP for it.",
    ),
    Code.PROTOCOL_DISABLED: (
        "Access by mail programs is switched off for this mailbox.",
        "Turn on IMAP/SMTP access in the provider's web mail settings.",
    ),
    Code.POLICY_BLOCKED: (
        "A security policy of the organisation blocked this login.",
        "Ask its administrator to allow it.",
    ),
    Code.PLAN_REQUIRED: (
        "This mailbox's plan does not include access by mail programs.",
        "Change the plan at the provider.",
    ),
    Code.WEB_LOGIN_REQUIRED: (
        "The provider wants the owner to sign in with a web browser first.",
        "Sign in there, confirm that it was you, and test again.",
    ),
    Code.ACCOUNT_DISABLED: (
        "This mailbox is switched off or not active yet.",
        "Sign in at the provider to see why.",
    ),
    Code.ACCOUNT_BLOCKED: (
        "The provider has blocked this mailbox.",
        "Sign in at the provider to unblock it.",
    ),
    Code.PASSWORD_EXPIRED: (
        "The password has expired.",
        "Set a new one at the provider and use that.",
    ),
    Code.PASSWORD_TOO_WEAK: (
        "The provider refuses this password because it is too simple.",
        "Set a stronger one there and use that.",
    ),
    Code.MAILBOX_UNAVAILABLE: (
        "The login is right, but there is no mailbox behind it.",
        "Check the account at the provider.",
    ),
    Code.CLIENT_ID_REQUIRED: (
        "The mail server admits only mail programs that it knows.",
        "Allow access by other programs in the provider's settings.",
    ),
    Code.CREDENTIALS_ENCODING: (
        "The mail server cannot read this username or password.",
        "Check both for accents, quotes and spaces.",
    ),
    Code.AUTH_NOT_OFFERED: (
        "The mail server offers no login on this port.",
        "Use port %(starttls)s with %(secure)s=false, or port %(tls)s with %(secure)s=true.",
    ),
    Code.MECHANISM_UNSUPPORTED: (
        "The mail server offers no login with a password.",
        "Ask your provider how mail programs log in.",
    ),
    Code.AUTH_REQUIRED: (
        "The mail server wants a login before anything else.",
        "Check the port: most providers use %(starttls)s or %(tls)s.",
    ),
    Code.TOO_MANY_ATTEMPTS: (
        "The mail server has seen too many logins and refuses more for now.",
        "Wait an hour, or as long as the server says, and test again.",
    ),
    Code.TOO_MANY_CONNECTIONS: (
        "The mail server has too many open connections from here.",
        "Test again in a few minutes.",
    ),
    Code.RATE_LIMITED: (
        "The mail server asked us to slow down.",
        "Test again in a few minutes.",
    ),
    Code.QUOTA_EXCEEDED: (
        "The sending limit of this mailbox is used up.",
        "Test again when it resets, usually tomorrow.",
    ),
    Code.TEMPORARY_FAILURE: (
        "The mail server has a temporary problem.",
        "Test again later.",
    ),
    Code.GREYLISTED: (
        "The mail server asks to come back in a few minutes.",
        "Test again in ten minutes.",
    ),
    Code.SERVER_MISCONFIGURED: (
        "The mail server has a fault of its own.",
        "Tell whoever runs it.",
    ),
    Code.IP_BLOCKED: (
        "The mail server refuses connections from this app's network.",
        "Ask whoever runs this app, or the provider, to have the address unblocked.",
    ),
    Code.HELO_REJECTED: (
        "The mail server refuses the name that this app greets it with.",
        "Ask whoever runs this app to set MAILBOX_IMPORT_EHLO_NAME.",
    ),
    Code.MAILBOX_FULL: (
        "The mailbox is full.",
        "Make space in it and test again.",
    ),
    Code.NOT_TESTED: (
        "This mailbox was not tested: its password was kept for a limited time only.",
        "Import the file again.",
    ),
    Code.CANCELLED: (
        "The import was cancelled before this mailbox was tested.",
        "Continue the import, or import the file again.",
    ),
    Code.INTERNAL: (
        "Something went wrong on our side.",
        "Test again; if it happens again, tell whoever runs this app.",
    ),
    Code.UNKNOWN: (
        "The mail server refused the login for a reason that we do not know.",
        "Ask your provider; the details show what the server answered.",
    ),
}


class Variant(str, Enum):
    """A cause within a code that has its own sentence and hint."""

    NO_SMTP_HOST = "no_smtp_host"
    NO_PASSWORD = "no_password"  # noqa: S105 (a slug, not a password)
    PLACEHOLDER = "placeholder"
    ODD_ADDRESS = "odd_address"
    SEVERAL_ADDRESSES = "several_addresses"
    NO_IMAP_PASSWORD = "no_imap_password"  # noqa: S105 (a slug, not a password)
    HOST_IS_ADDRESS = "host_is_address"
    HOST_HAS_ZONE = "host_has_zone"
    HOST_WITHOUT_DOT = "host_without_dot"
    SEVERAL_PORTS = "several_ports"
    WEB_ADDRESS = "web_address"
    ODD_HOST = "odd_host"
    NO_ENCRYPTION = "no_encryption"
    NOT_WHOLE = "not_whole"
    OUT_OF_BOUNDS = "out_of_bounds"
    OWN_CELLS_TOO_LONG = "own_cells_too_long"
    REFUSED_VALUES = "refused_values"
    TEXT_TOO_LONG = "text_too_long"
    NO_VALUE = "no_value"
    MOVED_CELLS = "moved_cells"
    SERVER_AS_PASSWORD = "server_as_password"  # noqa: S105 (a slug, not a password)
    OTHER_DELIMITER = "other_delimiter"
    OTHER_MARKS = "other_marks"
    ROW_IN_ONE_CELL = "row_in_one_cell"
    NO_SUCH_SERVER = "no_such_server"
    NOT_A_PORT_FOR_IMAP = "not_a_port_for_imap"
    AFTER_REFUSALS = "after_refusals"
    WEAK_KEY_EXCHANGE = "weak_key_exchange"
    NO_COMMON_CIPHER = "no_common_cipher"
    WEAK_CERTIFICATE = "weak_certificate"
    NO_ISSUER = "no_issuer"
    CLIENT_CERTIFICATE = "client_certificate"
    NOT_SENT = "not_sent"


#: The code of each variant, its sentence and its hint.
VARIANTS: dict[Variant, tuple[Code, str, str]] = {
    Variant.NO_SMTP_HOST: (
        Code.MISSING_CREDENTIALS,
        MISSING_CREDENTIALS,
        "Fill in the column smtphost.",
    ),
    Variant.NO_PASSWORD: (
        Code.MISSING_CREDENTIALS,
        MISSING_CREDENTIALS,
        "Fill in the column password.",
    ),
    Variant.PLACEHOLDER: (
        Code.MISSING_CREDENTIALS,
        MISSING_CREDENTIALS,
        "The column %(column)s holds '%(placeholder)s' in place of a password: fill in the "
        "password itself.",
    ),
    Variant.ODD_ADDRESS: (
        Code.INVALID_EMAIL,
        "This is not a valid email address: it holds %(character)s.",
        "Take that out, or write what belongs there; an address looks like name@example.com.",
    ),
    Variant.SEVERAL_ADDRESSES: (
        Code.INVALID_EMAIL,
        "This cell holds more than one email address.",
        "Give each mailbox a row of its own.",
    ),
    Variant.NO_IMAP_PASSWORD: (
        Code.MISSING_CREDENTIALS,
        MISSING_CREDENTIALS,
        "Fill in the column password or imappassword.",
    ),
    Variant.HOST_IS_ADDRESS: (
        Code.INVALID_HOST,
        "The column %(column)s is an IP address; the name of the server is needed.",
        _FULL_NAME,
    ),
    Variant.HOST_HAS_ZONE: (
        Code.INVALID_HOST,
        "The column %(column)s is an IP address with a zone.",
        _FULL_NAME,
    ),
    Variant.HOST_WITHOUT_DOT: (
        Code.INVALID_HOST,
        "The column %(column)s has no dot; the full name of the server is needed.",
        _FULL_NAME,
    ),
    Variant.SEVERAL_PORTS: (
        Code.INVALID_PORT,
        "The column %(column)s holds more than one port number.",
        "Use one of %(allowed)s, or leave it empty for %(default)s.",
    ),
    Variant.WEB_ADDRESS: (
        Code.INVALID_HOST,
        "The column %(column)s is the address of a web page, not a server name.",
        "Take out '%(more)s' if the rest is the server's name; else give the name as the provider "
        "does, such as %(protocol)s.example.com.",
    ),
    Variant.ODD_HOST: (
        Code.INVALID_HOST,
        "The column %(column)s is not a server name: it holds %(character)s.",
        "Take that out, or write what belongs there: the server's full name as the provider gives "
        "it, such as %(protocol)s.example.com.",
    ),
    Variant.NO_ENCRYPTION: (
        Code.INVALID_BOOLEAN,
        "The column %(column)s asks for no encryption, and passwords are not sent in clear.",
        _TRUE_OR_FALSE,
    ),
    Variant.NOT_WHOLE: (
        Code.INVALID_VALUE,
        "The column %(column)s is not a whole number.",
        "Write it in digits only, from %(least)s to %(most)s.",
    ),
    Variant.TEXT_TOO_LONG: (
        Code.INVALID_VALUE,
        "The column %(column)s is too long.",
        "Shorten it; characters at most: %(limit)s.",
    ),
    Variant.OUT_OF_BOUNDS: (
        Code.INVALID_VALUE,
        "The column %(column)s is too large or too small.",
        "Write a whole number from %(least)s to %(most)s.",
    ),
    Variant.OWN_CELLS_TOO_LONG: (
        Code.FIELD_TOO_LONG,
        "The cells of this row in the app's own columns have more than %(limit)s characters "
        "together.",
        "Shorten them; the longest is in the column %(column)s.",
    ),
    Variant.REFUSED_VALUES: (
        Code.INVALID_VALUE,
        "The app did not accept the values of this row.",
        "Check the app's own columns, %(columns)s: a value may be taken by another mailbox, not "
        "allowed, or not known to the app.",
    ),
    Variant.NO_VALUE: (
        Code.INVALID_VALUE,
        "The column %(column)s is empty.",
        "Fill it in: a new mailbox needs a value there.",
    ),
    Variant.MOVED_CELLS: (
        Code.WRONG_COLUMN_COUNT,
        "The address of this row stands in another column, as if its cells had moved.",
        "Check the row; put a cell that holds the delimiter itself in quotation marks.",
    ),
    Variant.SERVER_AS_PASSWORD: (
        Code.WRONG_COLUMN_COUNT,
        "The password of this row is the name of a server, as if its cells had moved.",
        "Check which cell of the row belongs into which column.",
    ),
    Variant.OTHER_DELIMITER: (
        Code.WRONG_COLUMN_COUNT,
        "The cells of this row are not separated as those of the header.",
        "Save the file as CSV anew, with each value in a cell of its own.",
    ),
    Variant.OTHER_MARKS: (
        Code.WRONG_COLUMN_COUNT,
        "This row has more cells than the header's %(count)s.",
        "The mark %(mark)s does not hold a cell together; only the plain double quotation mark "
        '(") does.',
    ),
    Variant.ROW_IN_ONE_CELL: (
        Code.WRONG_COLUMN_COUNT,
        "This row stands in one cell.",
        "Save the file as CSV anew, with each value in a cell of its own.",
    ),
    Variant.NO_SUCH_SERVER: (
        Code.DNS_FAILURE,
        "No server is called %(host)s.",
        "Check the server name for typing errors; it must be a public name.",
    ),
    Variant.NOT_A_PORT_FOR_IMAP: (
        Code.WRONG_PROTOCOL,
        "Another kind of server answers on this port.",
        "Check the port: reading mail uses %(starttls)s or %(tls)s, not the port for sending mail.",
    ),
    Variant.AFTER_REFUSALS: (
        Code.NOT_TESTED,
        "This mailbox was not tested: the first %(count)s logins at its server were refused.",
        "We stopped before the server locks this app out. Correct those logins first, then test "
        "the others.",
    ),
    Variant.WEAK_KEY_EXCHANGE: (
        Code.TLS_VERSION,
        "The mail server's key exchange is too weak to be safe.",
        "Ask whoever runs the mail server to allow ECDHE, or Diffie-Hellman with 2048 bits or "
        "more.",
    ),
    Variant.NO_COMMON_CIPHER: (
        Code.TLS_VERSION,
        "The mail server and this app have no method of encryption in common.",
        "Ask whoever runs the mail server to allow TLS 1.3, or TLS 1.2 with ECDHE.",
    ),
    Variant.WEAK_CERTIFICATE: (
        Code.TLS_CERT_UNTRUSTED,
        "The mail server's certificate has a key or signature that is too weak to be safe.",
        "Ask whoever runs the mail server for a new certificate.",
    ),
    Variant.NO_ISSUER: (
        Code.TLS_CERT_UNTRUSTED,
        "The mail server's certificate leads to no issuer that is trusted here.",
        "Ask whoever runs the mail server to send the whole chain, with the intermediate "
        "certificate, and to use a public issuer; or ask your provider for the right server name.",
    ),
    Variant.CLIENT_CERTIFICATE: (
        Code.MECHANISM_UNSUPPORTED,
        "The mail server wants a certificate from this app, and a password is not enough.",
        "Ask your provider for a server or port where mail programs log in with a password.",
    ),
    Variant.NOT_SENT: (
        Code.CREDENTIALS_ENCODING,
        "The mail server takes no accents or other letters beyond A to Z in a login, so this one "
        "was not tried.",
        "Set a password of plain letters, digits and signs at the provider, and use that.",
    ),
}
