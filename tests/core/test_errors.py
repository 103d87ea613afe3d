"""Faults leave a shielded function without what they met."""

from __future__ import annotations

import pytest
import sqlalchemy
from sqlalchemy.exc import OperationalError

from flask_mailbox_import import FileError, InternalFault
from flask_mailbox_import.core.errors import shielded
from flask_mailbox_import.core.validators import judge_host


@shielded
def fail(with_: BaseException, *, inside: bool) -> None:
    given = "hunter2"
    if not inside:
        raise with_
    try:
        given.encode("ascii").decode("utf-16")
    except UnicodeDecodeError:
        raise with_ from None


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize(
    "fault", [FileError("no_rows", "The file has no rows."), KeyboardInterrupt(), SystemExit(1)]
)
def test_our_own_faults_and_what_stops_a_process_leave_bare(fault, inside):
    with pytest.raises(type(fault)) as caught:
        fail(fault, inside=inside)
    assert caught.value is fault
    assert fault.__context__ is fault.__cause__ is None
    # The frames of this test and of the shield, which keeps nothing that it was given.
    assert [each.name for each in caught.traceback][1:] == ["call"]
    assert {"args", "kwargs"}.isdisjoint(caught.traceback[-1].frame.f_locals)


@pytest.mark.parametrize("inside", [False, True])
def test_any_other_fault_becomes_one_of_ours_that_says_what_and_where(inside):
    with pytest.raises(
        InternalFault, match=r"^ValueError at test_errors.py:\d+ in fail, "
    ) as caught:
        fail(ValueError("hunter2 is wrong"), inside=inside)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__context__ is caught.value.__cause__ is None


def test_of_a_fault_of_the_database_the_drivers_own_is_named():
    @shielded
    def query() -> None:
        engine = sqlalchemy.create_engine("sqlite://")
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text("SELECT :given FROM missing"), {"given": "hunter2"})

    with pytest.raises(InternalFault) as caught:
        query()
    assert str(caught.value).startswith(
        f"{OperationalError.__module__}.OperationalError (sqlite3.OperationalError) at "
    )
    assert "hunter2" not in str(caught.value)


def test_what_is_returned_is_returned():
    assert shielded(len)("abc") == 3


def test_a_file_of_ours_is_named_by_its_path_inside_the_package():
    with pytest.raises(InternalFault, match=r"HostRefused at core/validators\.py:\d+ "):
        shielded(judge_host)("")
