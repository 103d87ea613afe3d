"""What a TLS handshake failed of -> the code of its cause, by OpenSSL's own numbers and names."""

from __future__ import annotations

import re
import ssl

from ..codes import Code

# OpenSSL's X509_V_ERR_* numbers.
_CERTIFICATE_FAULTS = {
    9: Code.TLS_CERT_EXPIRED,  # not yet valid
    10: Code.TLS_CERT_EXPIRED,
    62: Code.TLS_CERT_HOSTNAME,
    64: Code.TLS_CERT_HOSTNAME,  # an IP address that the certificate does not name
}

_TLS_VERSION = re.compile(
    r"UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION|HANDSHAKE_FAILURE|NO_PROTOCOLS|DH_KEY_TOO_SMALL"
    r"|NO_SHARED_CIPHER|INSUFFICIENT_SECURITY|NO_CIPHERS|EE_KEY_TOO_SMALL"
)


def code_of_tls_fault(fault: ssl.SSLError) -> Code:
    """Name the cause of a fault in a handshake."""
    if isinstance(fault, ssl.SSLCertVerificationError):
        return _CERTIFICATE_FAULTS.get(fault.verify_code, Code.TLS_CERT_UNTRUSTED)
    if isinstance(fault, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return Code.CONNECTION_CLOSED
    reason = fault.reason or ""
    if is_not_tls(fault):
        return Code.TLS_MODE_MISMATCH
    return Code.TLS_VERSION if _TLS_VERSION.search(reason) else Code.PROTOCOL_ERROR


def is_not_tls(fault: BaseException) -> bool:
    """Tell whether OpenSSL says by this fault that the server does not speak TLS at all."""
    reason = fault.reason if isinstance(fault, ssl.SSLError) else None
    return reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")
