"""Header names -> our columns, by a table of what people call them; reads no cell below."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from .errors import FileError
from .labels import plain as printable
from .names import COLUMNS, MAX_NAME, NAMES, REQUIRED, plain, without_remark
from .records import Notice

_BESIDE_A_HOST = frozenset({"port", "secure", "tls", "starttls"})
_SHOWN_NAMES = 20
#: Whose cells may all be empty, so that somebody may say that there is no such column.
_MAY_BE_ABSENT = "imaphost"
#: One name alone, but for "email", may stand in a mailbox, too.
_LEAST_KNOWN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which column of a file is which of ours, by position.

    Beside ours there are those that ``cells`` folds into them: ``username`` serves both logins,
    ``firstname`` and ``lastname`` are the display name, ``smtptls``, ``smtpstarttls`` (and IMAP's)
    are other ways to say how a connection is secured.
    """

    names: tuple[str | None, ...]
    notices: tuple[Notice, ...] = ()


class UnclearColumns(FileError):  # noqa: N818 (the fault is the name)
    """Columns of ours are not to be found; somebody can say which of the file's they are."""

    def __init__(self, fault: FileError, wanted: Sequence[str], found: Sequence[str]) -> None:
        super().__init__(fault.reason, fault.message, fault.details)
        #: Ours, and the file's that they may be.
        self.wanted = tuple(wanted)
        self.found = tuple(found)


class Matcher:
    """Reads headers; ``mapping`` (their header -> our column) goes first.

    A column that is mapped to None is not used; where "" is mapped to ``imaphost`` there is none.
    """

    def __init__(self, mapping: Mapping[str, str | None] = MappingProxyType({})) -> None:
        judged = _judged(mapping)
        #: Required columns that a file goes without, as somebody says.
        self._absent = {judged.pop("")} if "" in judged else set()
        self._mapping = judged
        self._plain = {theirs: plain(theirs) for theirs in self._mapping}

    def known(self, header: Iterable[str]) -> int:
        """Count our columns that a header names."""
        cells = tuple(header)
        return 0 if _is_mailbox(cells) else len({name for name in self._match(cells) if name})

    def match(self, header: Sequence[str], row: int = 1) -> Columns:
        """Find our columns in a header, in any order; ``row`` is its number.

        :raises FileError: ``missing_column duplicate_column invalid_mapping``.
        """
        shown = [_shown(cell) for cell in header]
        names = self._match(header)
        known = {name for name in names if name}
        if (len(known) < _LEAST_KNOWN and "email" not in known) or _is_mailbox(header):
            # Not a header but a mailbox, password and all: nothing of it is repeated.
            raise FileError(
                "missing_column",
                f"The first row must name the columns, each in a cell of its own: "
                f"{', '.join(REQUIRED)}.",
                {"missing": list(REQUIRED)},
            )
        self._refuse_unmatched(header, shown)
        for fault, wanted in (_doubled(shown, names), _missing(shown, names, self._absent)):
            if fault is not None:
                raise _to_be_asked(fault, wanted, header, names)
        unused = (cell for cell, name in zip(shown, names, strict=True) if cell and not name)
        return Columns(names=names, notices=tuple(_unused(cell, row) for cell in unused))

    def _match(self, header: Sequence[str]) -> tuple[str | None, ...]:
        places = self._places(header)
        mapped = {place: ours for theirs, ours in self._mapping.items() for place in places[theirs]}
        taken = set(mapped.values())
        names: list[str | None] = []
        weak: list[tuple[str, ...]] = []
        for place, cell in enumerate(header):
            name, candidates = (mapped[place], ()) if place in mapped else NAMES.of(cell)
            # Who maps a column to a name means that one, not another of like name.
            names.append(None if name in taken and place not in mapped else name)
            weak.append(candidates)
        for place, candidates in enumerate(weak):
            if names[place] is None and candidates:
                names[place] = _weak_name(place, names, weak)
        if "password" not in names:
            # The other login's is the same then, unless it has one of its own.
            names = ["password" if name == "smtppassword" else name for name in names]
        return tuple(names)

    def _places(self, header: Sequence[str]) -> dict[str, list[int]]:
        """Return where the mapped columns are: spelt so or, if there is none, nearly so."""
        spelt, nearly = defaultdict(list), defaultdict(list)
        for place, cell in enumerate(header) if self._mapping else ():
            spelt[cell.strip()].append(place)
            nearly[plain(cell)].append(place)
        return {
            theirs: spelt.get(theirs.strip()) or nearly.get(name, [])
            for theirs, name in self._plain.items()
        }

    def _refuse_unmatched(self, header: Sequence[str], shown: Sequence[str]) -> None:
        mapped: set[int] = set()
        for theirs, places in self._places(header).items():
            name = _shown(theirs)
            if not places:
                listed = _listed(shown)
                raise _invalid_mapping(f"the file has no column {name!r}, but {listed}.", theirs)
            if not mapped.isdisjoint(places):
                raise _invalid_mapping(f"the column {name!r} is there twice.", theirs)
            mapped.update(places)


def _weak_name(
    place: int, names: Sequence[str | None], weak: Sequence[tuple[str, ...]]
) -> str | None:
    """Return what a column is whose name says it in part, such as "Port"."""
    candidates = weak[place]
    left = [name[:4] for name in names[:place] if name and name[4:] == "host"]
    if candidates[0][4:] in _BESIDE_A_HOST and (len(set(left)) == 1 or weak.count(candidates) > 1):
        # Behind the host of one of the servers it is that one's.
        candidates = tuple(f"{side}{candidates[0][4:]}" for side in left[-1:])
    elif weak.count(candidates) > 1:
        return None  # of two columns "Host" nobody knows which is which
    return next((each for each in candidates if each not in names), None)


def _is_mailbox(header: Iterable[str]) -> bool:
    """Tell a mailbox, which has an address, from a header."""
    return any("@" in without_remark(cell) for cell in header)


def _judged(mapping: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return a mapping to our names as they are spelt.

    :raises FileError: ``invalid_mapping``.
    """
    found: dict[str, str | None] = {}
    for theirs, ours in mapping.items():
        if not all(isinstance(each, str | None) for each in (theirs, ours)) or theirs is None:
            raise _invalid_mapping("it takes names of columns, theirs to ours.", "")
        name = plain(ours) if ours else None
        if not theirs.strip() and name != _MAY_BE_ABSENT:
            raise _invalid_mapping(f"a file may go without {_MAY_BE_ABSENT} only.", "")
        if name is not None and name not in COLUMNS:
            known = ", ".join(COLUMNS)
            raise _invalid_mapping(
                f"{_shown(ours or '')!r} is none of our columns: {known}.", theirs
            )
        if name is not None and name in found.values():
            raise _invalid_mapping(f"the column {name} is named more than once.", theirs)
        found[theirs.strip() and theirs] = name
    return found


def _invalid_mapping(why: str, column: str) -> FileError:
    return FileError("invalid_mapping", f"The mapping: {why}", {"column": _shown(column)})


def _to_be_asked(
    fault: FileError, wanted: Sequence[str], header: Sequence[str], names: Sequence[str | None]
) -> FileError:
    """Return a fault as one that a person can settle, where the file may have what is wanted."""
    theirs = [cell.strip() for cell in header]
    found = [
        cell
        for cell, name in zip(theirs, names, strict=True)
        if (name is None or name in wanted) and 0 < len(cell) <= MAX_NAME and cell.isprintable()
    ]
    alike = {plain(each) for each in found}
    needed = sum(each != _MAY_BE_ABSENT for each in wanted)
    if len(alike) < max(len(found), needed):
        return fault
    return UnclearColumns(fault, wanted, found)


def _doubled(
    shown: Sequence[str], names: Sequence[str | None]
) -> tuple[FileError | None, Sequence[str]]:
    for name in names:
        doubled = [cell for cell, known in zip(shown, names, strict=True) if known == name]
        if name and len(doubled) > 1:
            fault = FileError(
                "duplicate_column",
                f"The column {name} is there more than once ({_listed(doubled)}): "
                "remove or rename one.",
                {"column": name, "found": doubled},
            )
            return fault, (name,)
    return None, ()


def _missing(
    shown: Sequence[str], names: Sequence[str | None], absent: Collection[str | None]
) -> tuple[FileError | None, Sequence[str]]:
    missing = [name for name in REQUIRED if name not in names and name not in absent]
    if not missing:
        return None, ()
    advice = " Add them, or rename the columns that they are."
    found = _found(shown)
    if missing == [_MAY_BE_ABSENT]:
        advice = " Add it; its cells may be empty."
    if "smtphost" in missing:
        advice = (
            " Add the server names that your provider gives (for Google smtp.gmail.com and "
            "imap.gmail.com)."
        )
    fault = FileError(
        "missing_column",
        f"The file has no column {' and no column '.join(missing)}. "
        f"Its columns are: {_listed(shown)}.{advice}",
        {"missing": missing, "found": found},
    )
    return fault, missing


def _unused(cell: str, row: int) -> Notice:
    return Notice(
        row=row, column=cell, code="unknown_column", message=f"The column {cell} is not used."
    )


def _shown(cell: str) -> str:
    text = printable(cell)
    return text if len(text) <= MAX_NAME else f"{text[:MAX_NAME]}..."


def _found(shown: Sequence[str]) -> list[str]:
    return [cell for cell in shown if cell]


def _listed(shown: Sequence[str]) -> str:
    found = _found(shown)
    more = f" and {len(found) - _SHOWN_NAMES} more" if len(found) > _SHOWN_NAMES else ""
    return ", ".join(found[:_SHOWN_NAMES]) + more
