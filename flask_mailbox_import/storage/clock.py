"""The database's clock: all processes of an app judge by it which run is dead."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class epoch(FunctionElement[int]):  # noqa: N801 (SQLAlchemy names its functions like this)
    """The seconds since 1970 by the database's clock, as a whole number."""

    type = BigInteger()
    inherit_cache = True


@compiles(epoch, "postgresql")
def _postgresql(_element: epoch, _compiler: SQLCompiler, **_options: Any) -> str:
    # Not now(): that is the time at which the transaction began.
    return "CAST(extract(epoch FROM clock_timestamp()) AS BIGINT)"


@compiles(epoch, "mysql")
@compiles(epoch, "mariadb")
def _mysql(_element: epoch, _compiler: SQLCompiler, **_options: Any) -> str:
    return "unix_timestamp()"


@compiles(epoch, "sqlite")
def _sqlite(_element: epoch, _compiler: SQLCompiler, **_options: Any) -> str:
    return "CAST(strftime('%s', 'now') AS INTEGER)"
