"""Failed rows by cause, and what was typed for them, on each database."""

from __future__ import annotations

from datetime import timedelta

import pytest
from databases import KINDS, fresh_database
from import_calls import rows_of
from mailbox_files import Header, row

from flask_mailbox_import import ImportNotFound, NotRetryable, Secret, WrongCorrection
from flask_mailbox_import.core.remedies import Remedy

SLOW = pytest.mark.slow
pytestmark = pytest.mark.usefixtures("app_context")


@pytest.fixture(params=["sqlite", *(pytest.param(each, marks=SLOW) for each in KINDS[1:])])
def host(request, make_host, tmp_path):
    with fresh_database(request.param, tmp_path) as uri:
        yield make_host(database=uri)


@pytest.fixture
def app_context(host):
    with host.app.app_context():
        yield


@pytest.fixture
def mending(host):
    return host.app.extensions["mailbox_import"].mending


def failed(host, rows: str) -> str:
    return host.post(Header + rows, skipConnectionTest="1").json["data"]["importId"]


def shown(mending, import_id: str, **options):
    """Return causes as what they have in common, and their counts; and how many there are."""
    found, count = mending.causes(import_id, workspace_id="w1", **{"limit": 20, **options})
    facts = [
        (each.key.code.value, each.key.smtp_host, each.key.smtp_port, each.count) for each in found
    ]
    return facts, count


ROWS = (
    row("a1@x.com", "pw", 99, host="smtp.x.com")
    + row("a2@x.com", "pw", 99, host="SMTP.x.com")
    + row("a3@x.com", "pw", 98, host="smtp.x.com")
    + row("b1@x.com", "", 587, host="one.x.com")
    + row("b2@x.com", "", 587, host="two.x.com")
    + row("b3@x.com", "", 465, host="two.x.com")
    + "c1@x.com,pw,,,,\n"
    + row("d1@x.com", "pw", 587, host="smtp.x.com")
)


def test_rows_have_a_cause_in_common_by_what_mends_them(host, mending):
    import_id = failed(host, ROWS)
    facts, count = shown(mending, import_id)
    assert facts == [
        ("missing_credentials", "", None, 3),
        ("port_not_allowed", "smtp.x.com", 99, 2),
        ("port_not_allowed", "smtp.x.com", 98, 1),
        ("missing_credentials", "", None, 1),
    ]
    assert count == 4
    found, _ = mending.causes(import_id, workspace_id="w1", limit=20)
    assert [each.key.remedy for each in found] == [
        *(Remedy.PASSWORD, Remedy.PORT, Remedy.PORT, Remedy.SERVER),
    ]
    assert [[each.row for each in cause.rows] for cause in found] == [[5, 6, 7], [2, 3], [4], [8]]
    assert len({each.key.id for each in found}) == 4


def test_causes_and_their_rows_come_in_parts(host, mending):
    import_id = failed(host, "bad,pw,smtp.x.com,,,\n" * 60 + ROWS)
    assert shown(mending, import_id, start=1, limit=1)[0] == [
        ("missing_credentials", "", None, 3),
    ]
    (first,), _ = mending.causes(import_id, workspace_id="w1", limit=1)
    assert (first.count, len(first.rows), first.next_after) == (60, 50, 51)
    after = {first.key.id: 51}
    # An opened cause is there wherever it stands.
    (rest,), _ = mending.causes(import_id, workspace_id="w1", limit=0, after=after)
    assert ([each.row for each in rest.rows], rest.next_after) == ([*range(52, 62)], None)
    (every,), _ = mending.causes(
        import_id, workspace_id="w1", limit=0, after={first.key.id: 0}, most=500
    )
    assert len(every.rows) == 60
    assert mending.cause_of(import_id, 61, workspace_id="w1") == first.key.id
    assert mending.cause_of(import_id, 69, workspace_id="w1") == ""


def test_all_rows_of_a_cause_are_tested_with_one_value(host, mending):
    import_id = failed(host, ROWS)
    cause = mending.cause_of(import_id, 2, workspace_id="w1")
    with pytest.raises(WrongCorrection) as wrong:
        mending.test_cause(import_id, cause, {"smtpport": "70000"}, workspace_id="w1")
    assert (wrong.value.row, wrong.value.column) == (2, "smtpport")
    assert host.mailboxes()[1:] == []
    assert mending.test_cause(import_id, cause, {"smtpport": "587"}, workspace_id="w1") == []
    assert sorted(each.email for each in host.mailboxes()) == ["a1@x.com", "a2@x.com", "d1@x.com"]
    with pytest.raises(NotRetryable, match="tested already"):
        mending.test_cause(import_id, cause, {"smtpport": "587"}, workspace_id="w1")


def test_what_was_typed_is_sealed_and_kept_until_it_is_tested(host, mending):
    import_id = failed(host, ROWS)
    typed = {"5.password": Secret("n3w pässword"), "6.displayname": "Zoë 🦄", "c12.smtphost": "x"}
    assert set(mending.keep_typed(import_id, typed, workspace_id="w1")) == set(typed)
    mending.keep_typed(import_id, {"c12.smtphost": None}, workspace_id="w1")
    kept = mending.typed(import_id, workspace_id="w1")
    assert kept["6.displayname"] == "Zoë 🦄"
    assert kept["5.password"].same_as(Secret("n3w pässword"))
    assert "c12.smtphost" not in kept
    (stored,) = host.db.session.scalars(host.db.select(host.extension.models.import_))
    assert b"n3w" not in stored.sealed_draft
    cause = mending.cause_of(import_id, 5, workspace_id="w1")
    mending.test_cause(import_id, cause, {}, workspace_id="w1", only_changed=True)
    assert {each.email: each.clear for each in host.mailboxes()}["b1@x.com"] == "n3w pässword"
    assert mending.typed(import_id, workspace_id="w1") == {}
    assert {each["row"] for each in rows_of(host, import_id, "failed")} == {2, 3, 4, 6, 7, 8}


def test_what_was_typed_is_of_one_import_of_one_workspace(host, mending):
    import_id = failed(host, ROWS)
    for work in (
        lambda: mending.typed(import_id, workspace_id="w2"),
        lambda: mending.keep_typed(import_id, {"5.password": Secret("x")}, workspace_id="w2"),
        lambda: mending.causes(import_id, workspace_id="w2", limit=1),
        lambda: mending.cause_of(import_id, 5, workspace_id="w2"),
    ):
        with pytest.raises(ImportNotFound):
            work()


def test_what_was_typed_is_erased_after_a_day_and_sealed_anew_by_a_rotation(host, mending):
    import_id = failed(host, ROWS)
    mending.keep_typed(import_id, {"5.password": Secret("n3w")}, workspace_id="w1")
    model, session = host.extension.models.import_, host.db.session
    assert host.app.extensions["mailbox_import"].rotation.run().unopened == ()
    session.get(model, import_id).draft_expires_at -= timedelta(hours=24, seconds=2)
    session.commit()
    host.extension.importer.erase_expired()
    session.expire_all()
    assert session.get(model, import_id).sealed_draft is None
    assert mending.typed(import_id, workspace_id="w1") == {}


def test_more_is_not_kept_than_has_room(host, mending):
    import_id = failed(host, ROWS)
    mending.keep_typed(import_id, {"6.displayname": "first"}, workspace_id="w1")
    with pytest.raises(NotRetryable, match="More was typed than can be kept"):
        mending.keep_typed(import_id, {"7.displayname": "x" * 4_000_001}, workspace_id="w1")
    assert mending.typed(import_id, workspace_id="w1") == {"6.displayname": "first"}
