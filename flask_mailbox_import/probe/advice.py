"""Says what to do about a failed connection test, by what the row has and its provider takes."""

from __future__ import annotations

import math
from dataclasses import replace

from ..core.codes import REFUSED_LOGIN, Code
from ..core.explanations import Variant
from ..core.failures import Failure, failure_for, failure_of
from ..core.mailboxes import Login, Protocol, Security
from ..core.providers import (
    PasswordKind,
    Provider,
    Server,
    Username,
    receiver_of,
    server_meant,
)
from ..core.sentences import Sentence, provider_key, sentence
from ..core.validators import shown_server
from .diagnosis import Finding

_MINUTE, _HOUR = 60, 3600

#: For each code the encryption that may mend it, on its usual port.
_MAY_MEND = {
    Code.STARTTLS_REQUIRED: (Security.STARTTLS, Security.TLS),
    Code.AUTH_NOT_OFFERED: (Security.STARTTLS, Security.TLS),
    Code.TLS_MODE_MISMATCH: (Security.STARTTLS,),
    Code.STARTTLS_UNSUPPORTED: (Security.TLS,),
}
#: The port may be wrong; both usual ones are worth a try.
_MAYBE_PORT = frozenset({Code.CONNECTION_REFUSED, Code.WRONG_PROTOCOL, Code.AUTH_REQUIRED})
#: The server may be another one than the provider's own.
_MAYBE_SERVER = frozenset(
    {
        *(_MAY_MEND.keys() | _MAYBE_PORT),
        *(Code.DNS_FAILURE, Code.CONNECTION_TIMEOUT, Code.CONNECTION_CLOSED, Code.PROTOCOL_ERROR),
        *(Code.TLS_CERT_HOSTNAME, Code.TLS_CERT_EXPIRED, Code.TLS_CERT_UNTRUSTED, Code.TLS_VERSION),
    }
)


def failure_of_test(finding: Finding, login: Login, provider: Provider | None) -> Failure:
    """Return the failure of a connection test.

    Its steps are the provider's own, if there are any, and never what the row has already.
    """
    failure = _general(finding, login)
    wait = finding.wait if finding.may_pass else None
    if finding.refusals:
        if finding.code is not Code.NOT_TESTED:
            failure = replace(failure, steps=(_counted("locked_out", finding.refusals),))
    elif wait is not None and finding.variant is None:
        failure = replace(failure, steps=(_to_wait(wait),))
    elif finding.variant is None:
        steps = _steps(finding.code, login, provider)
        failure = replace(failure, steps=steps or failure.steps)
    if finding.code is Code.BAD_CREDENTIALS:
        failure = failure.with_last(*_of_username(login, provider))
    return replace(failure, reply=finding.reply)


def _general(finding: Finding, login: Login) -> Failure:
    """Return the failure with the same words for every provider."""
    code, variant, protocol = finding.code, finding.variant, login.protocol
    host = shown_server(login.host)
    if finding.refusals and code is Code.NOT_TESTED:
        return failure_of(Variant.AFTER_REFUSALS, count=finding.refusals)
    if code is Code.WRONG_PROTOCOL and protocol is Protocol.IMAP:
        variant = Variant.NOT_A_PORT_FOR_IMAP
    elif code is Code.DNS_FAILURE and host:
        variant = Variant.NO_SUCH_SERVER
    values: dict[str, str | int] = {
        "host": host,
        "secure": f"{protocol.value}secure",
        "tls": protocol.tls_port,
        "starttls": protocol.starttls_port,
    }
    return failure_for(code, **values) if variant is None else failure_of(variant, **values)


def _steps(code: Code, login: Login, provider: Provider | None) -> tuple[Sentence, ...]:
    """Return the steps for a code that heed the row; none: the code's own step does."""
    receives = receiver_of(login.host) if login.protocol is Protocol.SMTP else None
    if receives is not None and code not in REFUSED_LOGIN:
        return (_receives_only(login.host, receives),)
    if code in _MAYBE_SERVER and (meant := _meant(login)):
        return (sentence("did_you_mean", {"server": meant}),)
    if provider is not None and code in provider.hints:
        return (sentence(provider_key(provider, code)),)
    of_provider: tuple[Sentence, ...] = ()
    if provider is not None and code in _MAYBE_SERVER:
        of_provider = _by_provider(code, login, provider)
    return of_provider or _by_port(code, login)


def _meant(login: Login) -> str:
    """Return the server that was probably meant; "" where the name may be the row's own."""
    domain = login.username.rpartition("@")[2].lower()
    is_own = domain and (login.host == domain or login.host.endswith(f".{domain}"))
    return "" if is_own else server_meant(login.host, login.protocol, domain)


def _by_provider(code: Code, login: Login, provider: Provider) -> tuple[Sentence, ...]:
    """Return the provider's own server, or another port of it; of its other servers nothing."""
    server = _server_of(provider, login.protocol)
    if provider.password is PasswordKind.NONE and Code.OAUTH_REQUIRED in provider.hints:
        return (sentence(provider_key(provider, Code.OAUTH_REQUIRED)),)
    if server is None:
        return ()
    if not provider.hosts.fullmatch(login.host):
        return (_named(provider, login, server),)
    if server.host != login.host or code not in (_MAY_MEND.keys() | _MAYBE_PORT):
        return ()
    setting = _setting(login.protocol, server.port, server.security)
    if server.port != login.port:
        return (sentence("use_port", setting),)
    return (sentence("use_setting", setting),) if server.security is not login.security else ()


def _by_port(code: Code, login: Login) -> tuple[Sentence, ...]:
    """Return the step for a code that has to do with the port, without the row's own port."""
    protocol = login.protocol
    ports = {Security.STARTTLS: protocol.starttls_port, Security.TLS: protocol.tls_port}
    if login.port not in ports.values() or code not in (_MAY_MEND.keys() | _MAYBE_PORT):
        return ()
    others = [each for each in _MAY_MEND.get(code, tuple(ports)) if ports[each] != login.port]
    if not others:
        return (sentence("ask_for_port"),)
    key = "use_port" if code in _MAY_MEND else "check_or_use_port"
    return (sentence(key, _setting(protocol, ports[others[0]], others[0])),)


def _setting(protocol: Protocol, port: int, security: Security) -> dict[str, str | int]:
    value = str(security is Security.TLS).lower()
    return {"port": port, "setting": f"{protocol.value}secure={value}"}


def _receives_only(host: str, provider: Provider) -> Sentence:
    # Of a service with regions, another region's server takes no login of this one.
    if provider.smtp is None or provider.password is PasswordKind.KEY:
        return sentence("receives_only", {"host": host})
    return sentence("receives_only_use", {"host": host, "server": provider.smtp.host})


def _server_of(provider: Provider, protocol: Protocol) -> Server | None:
    return provider.smtp if protocol is Protocol.SMTP else provider.imap


def _named(provider: Provider, login: Login, server: Server) -> Sentence:
    """Return what server the provider itself names, with its port where the row has another."""
    setting = _setting(login.protocol, server.port, server.security)
    key = "provider_host" if server.port == login.port else "provider_server"
    return sentence(key, {"provider": provider.name, "server": server.host, **setting})


def _of_username(login: Login, provider: Provider | None) -> tuple[Sentence, ...]:
    """Return what is wrong with the form of a user name, as far as the provider is known."""
    if provider is None:
        return ()
    is_smtp = login.protocol is Protocol.SMTP
    form = provider.username if is_smtp else provider.imap_username
    local, at, domain = login.username.partition("@")
    values = {"provider": provider.name, "column": f"{login.protocol.value}username"}
    if form is Username.LOCAL_PART and at and provider.domains.fullmatch(domain.lower()):
        return (sentence("username_is_local_part", {**values, "name": local}),)
    if form is Username.ADDRESS and not at:
        return (sentence("username_is_address", values),)
    if form is Username.KEY and at and provider.username_word and not provider.hints:
        return (sentence("username_is_word", {**values, "name": provider.username_word}),)
    return ()


def _counted(key: str, count: int) -> Sentence:
    return sentence(key, {"count": count})


def _to_wait(seconds: float) -> Sentence:
    if seconds <= 2 * _MINUTE:
        return _counted("wait_seconds", round(seconds))
    minutes = math.ceil(seconds / _MINUTE)
    if minutes <= 2 * _MINUTE:
        return _counted("wait_minutes", minutes)
    return _counted("wait_hours", math.ceil(seconds / _HOUR))
