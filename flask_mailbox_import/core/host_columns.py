"""The columns of a host's own mailbox model that files may fill, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

#: The key of the names in a column's ``info``.
INFO_KEY = "mailbox_import_column"


class ColumnKind(str, Enum):
    """The Python type of a column."""

    TEXT = "str"
    INTEGER = "int"
    BOOLEAN = "bool"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostColumn:
    """A column of the host's own mailbox model that files may fill."""

    #: Its attribute on the model; by it, a record has its cell.
    attribute: str
    #: What files call it. The first name is that of the template and of sentences.
    names: tuple[str, ...]
    kind: ColumnKind
    #: Characters of a text; None: as many as a row may have.
    max_length: int | None = None
    #: The smallest and the largest whole number.
    least: int = -(2**31)
    most: int = 2**31 - 1
    #: A new mailbox needs a value: the column takes no NULL and has no default.
    is_required: bool = False

    @property
    def title(self) -> str:
        """What it is called."""
        return self.names[0]


def import_column(*names: str) -> dict[str, Any]:
    """Return the ``info`` of a column that files may fill, on a host's own mailbox model.

    ``daily_limit: Mapped[int | None] = mapped_column(info=import_column("Daily limit"))``

    :param names: what files call the column; the first one stands in the template.
    """
    return {INFO_KEY: names}
