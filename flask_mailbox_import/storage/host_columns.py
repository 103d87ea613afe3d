"""Finds the columns of a host's own mailbox model that files may fill."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy
from sqlalchemy import BigInteger, Column, Enum, SmallInteger
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeDecorator, TypeEngine

from ..core.host_columns import INFO_KEY, ColumnKind, HostColumn

#: How many bits a whole number has, where these are not 32.
_BITS = (
    (BigInteger, 64),
    (SmallInteger, 16),
    (mysql.MEDIUMINT, 24),
    (mysql.TINYINT, 8),
)
_KINDS = {str: ColumnKind.TEXT, int: ColumnKind.INTEGER, bool: ColumnKind.BOOLEAN}


def host_columns(model: type[Any]) -> tuple[HostColumn, ...]:
    """Return the columns of a mailbox model that have `import_column`; see `problems_of`."""
    return tuple(
        HostColumn(
            attribute=attribute,
            names=tuple(column.info[INFO_KEY]),
            kind=kind,
            max_length=getattr(_type(column), "length", None),
            **_bounds(_type(column)),
            is_required=_is_required(column),
        )
        for attribute, column in _marked(model)
        if (kind := _kind(column)) is not None
    )


def problems_of(model: type[Any], ours: type[Any]) -> Iterator[str]:
    """Yield why a column with `import_column` cannot be filled from files, and the way out.

    :param ours: the mixin, whose columns the import fills itself.
    """
    for attribute, column in _marked(model):
        where, names = f"{model.__name__}.{attribute}", column.info[INFO_KEY]
        if not names or not all(isinstance(each, str) for each in names):
            yield (
                f"{where}: give import_column what files call the column, such as "
                'import_column("Daily limit")'
            )
        if hasattr(ours, attribute):
            yield f"{where} is a column of MailboxMixin: leave import_column out there"
        if column.computed is not None or (column.identity is not None and column.identity.always):
            yield f"{where}: the database computes its values: leave import_column out there"
        if _kind(column) is None:
            yield (
                f"{where}: files can fill a column of str, int or bool (String, Text, Integer, "
                f"BigInteger, Boolean), not of {type(_type(column)).__name__}"
            )


def _marked(model: type[Any]) -> list[tuple[str, Column[Any]]]:
    # Not ``column_attrs``: that would configure the host's relationships too early.
    return [
        (attribute, column)
        for attribute, column in sqlalchemy.inspect(model).columns.items()
        if INFO_KEY in column.info
    ]


def _kind(column: Column[Any]) -> ColumnKind | None:
    # These say that they are texts, but take some texts only.
    if isinstance(_type(column), Enum | mysql.ENUM | mysql.SET):
        return None
    try:
        return _KINDS.get(column.type.python_type)
    except NotImplementedError:
        return None


def _type(column: Column[Any]) -> TypeEngine[Any]:
    """Return the type of a column as the database has it; a type of the host's own may be on it."""
    found: TypeEngine[Any] = column.type
    while isinstance(found, TypeDecorator):
        found = found.impl_instance
    return found


def _bounds(kind: TypeEngine[Any]) -> dict[str, int]:
    """Return the smallest and the largest whole number of a type."""
    bits = next((bits for types, bits in _BITS if isinstance(kind, types)), 32)
    if getattr(kind, "unsigned", False):
        return {"least": 0, "most": 2**bits - 1}
    return {"least": -(2 ** (bits - 1)), "most": 2 ** (bits - 1) - 1}


def _is_required(column: Column[Any]) -> bool:
    has_default = column.default is not None or column.server_default is not None
    return not column.nullable and not has_default
