"""What a domain's DNS says of its mail servers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceTarget:
    """One SRV record (RFC 2782)."""

    #: In lower case and ASCII, without the trailing dot; "" where the service is not offered.
    host: str
    port: int
    priority: int
    weight: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MailRecords:
    """The SRV records of a domain's mail services, the best first, and its MX records.

    RFC 6186: submission, imaps, imap; RFC 8314: submissions.
    """

    submissions: tuple[ServiceTarget, ...] = ()
    submission: tuple[ServiceTarget, ...] = ()
    imaps: tuple[ServiceTarget, ...] = ()
    imap: tuple[ServiceTarget, ...] = ()
    #: The hosts by preference; none where the domain takes no mail (RFC 7505).
    mx: tuple[str, ...] = ()
    #: Each question was answered, if only by "there are none".
    is_whole: bool = True
