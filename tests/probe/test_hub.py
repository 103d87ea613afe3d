"""Runs that overlap share one hub; it ends with the last of them, and never the process's own."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path

import gevent
import pytest
from child_processes import run_child
from gevent.event import Event
from project_paths import SUPPORT
from waiting import wait_for

from flask_mailbox_import.core.errors import InternalFault
from flask_mailbox_import.probe.hub import HubRun


def hub_threads() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "mailbox-import"]


def until(event: threading.Event):
    """Work that tells its hub, and then waits, in the hub."""

    def work(emit, _draining):
        emit(id(gevent.get_hub()))
        while not event.is_set():
            gevent.sleep(0.01)
        emit("done")

    return work


def first_of(run: HubRun[object]) -> object:
    return next(each for each in run.results(0.01) if each is not None)


def all_of(run: HubRun[object]) -> list[object]:
    return [each for each in run.results(0.01) if each is not None]


def test_runs_that_overlap_share_a_hub_which_ends_with_the_last():
    go = threading.Event()
    first, second = HubRun(until(go)), HubRun(until(go))
    assert first_of(first) == first_of(second)
    first.close()
    assert len(hub_threads()) == 1
    go.set()
    assert all_of(second)[-1] == "done"
    second.close()
    second.close()
    assert hub_threads() == []
    with closing(HubRun(until(go))) as third:
        assert all_of(third)[-1] == "done"
    assert hub_threads() == []


def test_a_run_that_is_closed_at_once_ends_at_once(caplog):
    HubRun(until(threading.Event())).close()
    assert hub_threads() == []
    # It would be told if the run had not ended.
    assert caplog.text == ""


def test_a_fault_of_one_run_is_not_the_others():
    def broken(_emit, _draining):
        raise ZeroDivisionError

    go = threading.Event()
    with closing(HubRun(until(go))) as good:
        with closing(HubRun(broken)) as bad, pytest.raises(InternalFault, match="ZeroDivision"):
            all_of(bad)
        go.set()
        assert all_of(good)[-1] == "done"


def test_a_run_that_asks_for_the_end_of_the_process_ends_alone(caplog):
    def deadly(_emit, _draining):
        raise SystemExit

    go = threading.Event()
    with closing(HubRun(until(go))) as good:
        first_of(good)
        with closing(HubRun(deadly)) as bad, pytest.raises(InternalFault, match="SystemExit"):
            all_of(bad)
        go.set()
        assert all_of(good)[-1] == "done"
    assert "asked for the end" in caplog.text
    assert hub_threads() == []


def test_work_that_is_told_to_begin_nothing_more_ends_by_itself():
    def work(emit, draining: Event):
        draining.wait()
        emit("drained")

    with closing(HubRun(work)) as run:
        run.drain()
        assert all_of(run) == ["drained"]


@pytest.mark.slow
def test_in_a_patched_process_the_hub_is_the_processes_own_and_lives_on():
    done = run_child([], Path(SUPPORT) / "patched_child.py", None)
    assert done == {"is_process_hub": [True, True], "lives_on": True}


@pytest.mark.slow
def test_many_runs_at_once_from_many_threads_leave_nothing():
    ends = []

    def calls() -> None:
        for _ in range(25):
            go = threading.Event()
            with closing(HubRun(until(go))) as run:
                first_of(run)
                go.set()
                ends.append(all_of(run)[-1])

    callers = [threading.Thread(target=calls) for _ in range(4)]
    for each in callers:
        each.start()
    for each in callers:
        each.join(60)
    assert ends == ["done"] * 100
    wait_for(lambda: hub_threads() == [])
