"""Columns of a host's own mailbox model that files fill: from the header to the mailbox."""

from __future__ import annotations

import io

import pytest
from flask_sqlalchemy import SQLAlchemy
from host_apps import Host, bare_app
from mailbox_files import report_cells
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Computed,
    Enum,
    Float,
    Identity,
    Integer,
    SmallInteger,
    String,
    Text,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import TypeDecorator
from workbook_files import parts, xlsx_row, zipped

from flask_mailbox_import import (
    Code,
    ConfigError,
    FileError,
    ImportOptions,
    MailboxImport,
    MailboxMixin,
    NotRetryable,
    OnDuplicate,
    import_column,
)
from flask_mailbox_import.web.failed_rows import failed_csv

HEADER = "email,password,smtphost,imaphost"


def new_host(folder, *, required: bool = False) -> Host:
    """Make a host whose model has columns of its own that files fill."""
    db = SQLAlchemy()
    app = bare_app(db, folder / "host.sqlite", RUNNER="inline")
    app.config["TESTING"] = True

    class Mailbox(MailboxMixin, db.Model):
        daily_limit: Mapped[int | None] = mapped_column(
            info=import_column("Daily limit", "emails per day")
        )
        is_warm: Mapped[bool] = mapped_column(default=False, info=import_column("Warmed up"))
        team: Mapped[str | None] = mapped_column(String(8), info=import_column("Team"))
        big: Mapped[int | None] = mapped_column(BigInteger, info=import_column("Big number"))
        region = mapped_column(String(8), nullable=not required, info=import_column("Sales region"))
        seat: Mapped[int | None] = mapped_column(
            CheckConstraint("seat < 10"), unique=True, info=import_column("Seat")
        )
        ours_alone: Mapped[str | None]

    extension = MailboxImport(app, db, mailbox_model=Mailbox)
    extension.workspace_loader(lambda: "w1")
    with app.app_context():
        db.create_all()
    return Host(app, db, extension)


def imported(host: Host, header: str, *lines: str, **options: object):
    """Import rows without a test; return the summary."""
    text = "\n".join((f"{HEADER},{header}".rstrip(","), *(f"{each}" for each in lines)))
    options.setdefault("skip_connection_test", True)
    with host.app.app_context():
        return host.extension.importer.run_file(
            io.BytesIO(text.encode()), workspace_id="w1", **options
        )


ROW = "a@x.com,pw,smtp.x.com,"


def failure(host: Host, header: str, cell: str):
    summary = imported(host, header, f"{ROW},{cell}")
    assert summary.imported == 0
    return summary.errors[0].failure


@pytest.mark.parametrize(
    "name",
    [
        *("Daily limit", "daily_limit", "EMAILS PER DAY", "3. Daily Limit (optional)"),
        *("Your daily limit", "The Daily-Limit", "dailyLimit", "your emails per day"),
        *(
            "Daily limit / emails per day",
            "Daily limit of account",
            "Emails per day or daily limit",
        ),
    ],
)
def test_a_column_is_found_by_each_of_its_names(tmp_path, name):
    host = new_host(tmp_path)
    summary = imported(host, name, f"{ROW},50")
    assert summary.imported == 1
    assert not [each for each in summary.warnings if each.code == "unknown_column"]
    assert host.mailboxes()[0].daily_limit == 50
    assert (name, "daily_limit") in summary.understood.columns
    host.close()


def test_values_have_the_columns_types(tmp_path):
    host = new_host(tmp_path)
    header = "Daily limit,Warmed up,Team,Big number"
    rows = [
        f"{ROW},-7,yes,Süd,9223372036854775807",
        "b@x.com,pw,smtp.x.com,,+7,0,,",
        "c@x.com,pw,smtp.x.com,,,,,",
    ]
    assert imported(host, header, *rows).imported == 3
    first, second, third = host.mailboxes()
    assert (first.daily_limit, first.is_warm, first.team) == (-7, True, "Süd")
    assert first.big == 2**63 - 1
    assert (second.daily_limit, second.is_warm, second.team, second.big) == (7, False, None, None)
    assert (third.daily_limit, third.is_warm, third.team) == (None, False, None)
    host.close()


@pytest.mark.parametrize(
    ("header", "cell", "text"),
    [
        ("Daily limit", "fifty secrets", "The column Daily limit is not a whole number."),
        ("Daily limit", "2147483650", "The column Daily limit is too large or too small."),
        ("Daily limit", "-2147483650", "The column Daily limit is too large or too small."),
        ("Daily limit", "9" * 700, "The column Daily limit is too large or too small."),
        ("Daily limit", "٣", "The column Daily limit is not a whole number."),
        ("Daily limit", "5.5", "The column Daily limit is not a whole number."),
        ("Big number", "9223372036854775900", "The column Big number is too large or too small."),
        ("Warmed up", "perhaps", "The column Warmed up is neither true nor false."),
        ("Warmed up", "starttls", "The column Warmed up is neither true nor false."),
        ("Team", "ninechars", "The column Team is too long."),
    ],
)
def test_a_bad_cell_fails_its_row_and_is_not_repeated(tmp_path, header, cell, text):
    host = new_host(tmp_path)
    found = failure(host, header, cell)
    assert (found.code, found.error) == (Code.INVALID_VALUE, text)
    assert cell not in found.text
    host.close()


def test_control_characters_and_endless_texts_are_refused(tmp_path):
    host = new_host(tmp_path)
    assert failure(host, "Team", '"a\nb"').code is Code.CONTROL_CHARACTER
    assert failure(host, "Team", "a\x07b").code is Code.CONTROL_CHARACTER
    assert failure(host, "Daily limit", "5" * 801).code is Code.FIELD_TOO_LONG
    host.close()


def test_a_row_with_an_endless_text_is_not_kept(tmp_path):
    host = new_host(tmp_path)
    summary = imported(host, "Daily limit,Team", f"nobody,pw,smtp.x.com,,{'5' * 500},{'x' * 301}")
    assert summary.errors[0].code is Code.FIELD_TOO_LONG
    assert [each.sealed_record for each in host.rows()] == [None]
    host.close()


def test_several_faults_of_a_row_are_told_together(tmp_path):
    host = new_host(tmp_path)
    summary = imported(host, "Daily limit,Team", "a@x.com,pw,smtp.x.com,,x,ninechars")
    assert "The column Team is too long." in summary.errors[0].hint
    host.close()


@pytest.mark.parametrize("target", ["daily_limit", "Daily limit", "Emails per Day"])
def test_a_mapping_names_the_column(tmp_path, target):
    host = new_host(tmp_path)
    mapping = {"Cap": target}
    assert imported(host, "Cap", f"{ROW},9", column_mapping=mapping).imported == 1
    assert host.mailboxes()[0].daily_limit == 9
    with pytest.raises(FileError, match="daily_limit"):
        imported(host, "Cap", f"{ROW},9", column_mapping={"Cap": "ours_alone"})
    host.close()


def test_two_columns_of_one_name_are_refused(tmp_path):
    host = new_host(tmp_path)
    with pytest.raises(FileError) as caught:
        imported(host, "Daily limit,emails per day", f"{ROW},9,8")
    assert caught.value.reason == "duplicate_column"
    host.close()


def test_an_update_writes_filled_cells_only(tmp_path):
    host = new_host(tmp_path)
    imported(host, "Daily limit,Team", f"{ROW},9,north")
    assert imported(host, "Daily limit,Team", f"{ROW},,south", updates=True).updated == 1
    assert imported(host, "", ROW, updates=True).updated == 1
    (mailbox,) = host.mailboxes()
    assert (mailbox.daily_limit, mailbox.team) == (9, "south")
    host.close()


def test_a_new_mailbox_needs_a_value_where_its_column_takes_no_null(tmp_path):
    host = new_host(tmp_path, required=True)
    for header, row in (("Sales region", f"{ROW},"), ("", ROW)):
        found = imported(host, header, row).errors[0].failure
        assert (found.code, found.error) == (
            Code.INVALID_VALUE,
            "The column Sales region is empty.",
        )
    assert imported(host, "Sales region", f"{ROW},west").imported == 1
    assert imported(host, "Sales region", f"{ROW},", updates=True).updated == 1
    assert host.mailboxes()[0].region == "west"
    host.close()


def test_a_row_keeps_its_cell_over_a_correction(tmp_path):
    host = new_host(tmp_path)
    summary = imported(host, "Daily limit,Team", f"{ROW},many,north")
    with host.app.app_context():
        importer = host.extension.importer
        with pytest.raises(NotRetryable, match="ours_alone"):
            importer.retry(
                summary.import_id, workspace_id="w1", corrections={2: {"ours_alone": "x"}}
            )
        with pytest.raises(NotRetryable, match="the column Daily limit is there twice"):
            importer.retry(
                summary.import_id,
                workspace_id="w1",
                corrections={2: {"daily_limit": "1", "Daily limit": "2"}},
            )
        assert importer.retry(
            summary.import_id, workspace_id="w1", corrections={2: {"daily_limit": "few"}}
        )
        importer.retry(summary.import_id, workspace_id="w1", corrections={2: {"Daily limit": "5"}})
    (mailbox,) = host.mailboxes()
    assert (mailbox.daily_limit, mailbox.team) == (5, "north")
    host.close()


def test_the_template_has_the_columns_and_its_example_is_left_out(tmp_path):
    host = new_host(tmp_path)
    data = host.app.test_client().get("/mailboxes/import/template.csv").data
    header, example = report_cells(data)
    own = ["Daily limit", "Warmed up", "Team", "Big number", "Sales region", "Seat"]
    assert header[-6:] == own
    assert example[-6:] == [""] * 6
    of_call = "/v1/mailboxes/import/smtp/template.csv"
    key = {"X-Api-Key": host.create_key()}
    assert host.app.test_client().get(of_call, headers=key).data == data
    row = ["b@x.com", "pw", "smtp.x.com", "", *[""] * 9, "3", "no", "", "", "", ""]
    answer = host.post(data + ",".join(row).encode(), skipConnectionTest="true")
    assert answer.json["data"]["imported"] == 1
    assert host.mailboxes()[0].daily_limit == 3
    host.close()


def test_the_page_shows_how_a_column_is_read_and_corrects_it(tmp_path):
    host = new_host(tmp_path)
    host.app.config["WTF_CSRF_ENABLED"] = False
    client = host.app.test_client()
    text = f"{HEADER},emails per day\n{ROW},many\nb@x.com,pw,smtp.x.com,,3\n"
    form = {"file": (io.BytesIO(text.encode()), "a.csv"), "skipConnectionTest": "true"}
    answer = client.post("/mailboxes/import", data=form)
    check = client.get(answer.location)
    assert "emails per day" in check.text
    assert "daily_limit" in check.text
    assert "Daily limit" in client.get("/mailboxes/import").text
    client.post(answer.location)
    page = client.get(answer.location.removesuffix("/check") + "?row=2")
    assert 'name="2.daily_limit"' in page.text
    assert 'value="many"' in page.text
    client.post(answer.location.removesuffix("/check") + "/retry", data={"2.daily_limit": "4"})
    assert [each.daily_limit for each in host.mailboxes()] == [3, 4]
    host.close()


def test_rows_wait_sealed_and_are_filled_in_later(tmp_path):
    host = new_host(tmp_path)
    text = f"{HEADER},Team\n{ROW},north\n".encode()
    options = ImportOptions(
        workspace_id="w1", skip_connection_test=True, on_duplicate=OnDuplicate.SKIP
    )
    with host.app.app_context():
        importer = host.extension.importer
        import_id = importer.stage_file(io.BytesIO(text), options)
        assert b"north" not in (tmp_path / "host.sqlite").read_bytes()
        importer.start(import_id, workspace_id="w1")
    assert host.mailboxes()[0].team == "north"
    host.close()


def problems(make_column, name: str = "extra") -> str:
    """Return why a model with such a column is refused."""
    db = SQLAlchemy()
    app = bare_app(db)
    model = type("Mailbox", (MailboxMixin, db.Model), {name: make_column(), "__tablename__": "m"})
    with pytest.raises(ConfigError) as caught:
        MailboxImport(app, db, mailbox_model=model)
    return str(caught.value)


def column(kind: object, *names: str):
    return lambda: mapped_column(kind, info=import_column(*names))


def computed(by: object):
    return lambda: mapped_column(Integer, by, info=import_column("Rate"))


class OwnEnum(TypeDecorator):
    """A type of the host's own, on one that takes some texts only."""

    impl, cache_ok = Enum("a", "b"), True


class OwnNumber(TypeDecorator):
    """A type of the host's own, on whole numbers."""

    impl, cache_ok = SmallInteger, True
    python_type = int


@pytest.mark.parametrize(
    ("make_column", "name", "told"),
    [
        (column(Float, "Rate"), "extra", "str, int or bool"),
        (column(Enum("a", "b"), "Rate"), "extra", "not of Enum"),
        (column(Integer), "extra", 'import_column("Daily limit")'),
        (column(Integer, "SMTP port"), "extra", "a column of ours"),
        (column(Integer, "E-Mail"), "extra", "a column of ours"),
        (column(Integer, "Hint"), "extra", "a column of ours"),
        (column(Integer, "Seat"), "row", "rename the attribute"),
        (column(String(9), "Nick"), "username", "rename the attribute"),
        (column(String(9), "Nick"), "tag", "leave import_column out"),
        (column(Integer, "--"), "extra", "letters and digits"),
        (column(Integer, "x@y.com"), "extra", "no @"),
        (column(mysql.SET("a", "b"), "Rate"), "extra", "not of SET"),
        (column(OwnEnum(), "Rate"), "extra", "not of Enum"),
        (computed(Computed("1 + 1")), "extra", "leave import_column out"),
        (computed(Identity(always=True)), "extra", "leave import_column out"),
    ],
)
def test_a_column_that_files_cannot_fill_is_refused_at_init_app(make_column, name, told):
    found = problems(make_column, name)
    assert told in found
    assert f"Mailbox.{name}" in found


def test_two_columns_of_one_name_are_refused_at_init_app():
    db = SQLAlchemy()
    app = bare_app(db)

    class Mailbox(MailboxMixin, db.Model):
        one: Mapped[int | None] = mapped_column(info=import_column("Daily limit"))
        two: Mapped[int | None] = mapped_column(info=import_column("daily-limit"))

    with pytest.raises(ConfigError, match="a name of the column one too"):
        MailboxImport(app, db, mailbox_model=Mailbox)


@pytest.mark.parametrize("kind", [SmallInteger, Integer, BigInteger, Boolean, Text, String])
def test_columns_of_these_types_are_taken(kind):
    db = SQLAlchemy()
    app = bare_app(db)
    attributes = {"extra": column(kind, "Extra thing")(), "__tablename__": "m"}
    model = type("Mailbox", (MailboxMixin, db.Model), attributes)
    extension = MailboxImport(app, db, mailbox_model=model)
    with app.app_context():
        assert [each.attribute for each in extension.models.host_columns] == ["extra"]


@pytest.mark.parametrize("name", ["Limit", "Daily limit / Team", "Team limit", "Your", "big"])
def test_another_name_is_no_such_column(tmp_path, name):
    host = new_host(tmp_path)
    summary = imported(host, name, f"{ROW},9")
    assert [each.code for each in summary.warnings] == ["unknown_column"]
    host.close()


@pytest.mark.parametrize(
    ("kind", "least", "most"),
    [
        (SmallInteger, -(2**15), 2**15 - 1),
        (OwnNumber, -(2**15), 2**15 - 1),
        (mysql.TINYINT, -(2**7), 2**7 - 1),
        (mysql.MEDIUMINT, -(2**23), 2**23 - 1),
        (mysql.INTEGER(unsigned=True), 0, 2**32 - 1),
        (mysql.BIGINT(unsigned=True), 0, 2**64 - 1),
        (mysql.SMALLINT(unsigned=True), 0, 2**16 - 1),
    ],
)
def test_the_bounds_of_a_number_are_those_of_its_type(kind, least, most):
    db = SQLAlchemy()
    app = bare_app(db)
    attributes = {"extra": column(kind, "Extra thing")(), "__tablename__": "m"}
    model = type("Mailbox", (MailboxMixin, db.Model), attributes)
    extension = MailboxImport(app, db, mailbox_model=model)
    with app.app_context():
        (found,) = extension.models.host_columns
    assert (found.least, found.most) == (least, most)


def test_a_number_out_of_bounds_is_told_with_the_bounds(tmp_path):
    host = new_host(tmp_path)
    assert failure(host, "Daily limit", "2147483648").hint == (
        "Write a whole number from -2147483648 to 2147483647."
    )
    host.close()


def test_cells_that_are_too_long_together_are_told_so(tmp_path):
    host = new_host(tmp_path)
    header = "Team,Sales region"
    found = failure(host, header, f"{'x' * 450},{'y' * 400}")
    assert found.code is Code.FIELD_TOO_LONG
    assert found.error == (
        "The cells of this row in the app's own columns have more than 800 characters together."
    )
    assert found.hint.startswith("Shorten them; the longest is in the column Team.")
    assert failure(host, "Team", "ninechars").hint == "Shorten it; characters at most: 8."
    host.close()


@pytest.mark.parametrize("cell", ["4", "12"])
@pytest.mark.parametrize("updates", [False, True])
def test_a_value_that_the_database_refuses_is_told_as_that(tmp_path, cell, updates):
    host = new_host(tmp_path)
    imported(host, "Seat", f"{ROW},4", "b@x.com,pw,smtp.x.com,,5")
    new = "b@x.com" if updates else "c@x.com"
    line = f"{new},pw,smtp.x.com,,{cell},north"
    summary = imported(host, "Seat,Team", line, "d@x.com,pw,smtp.x.com,,6,", updates=updates)
    assert summary.imported == 1
    (error,) = summary.errors
    assert (error.code, error.retryable) == (Code.INVALID_VALUE, False)
    assert error.error == "The app did not accept the values of this row."
    assert error.hint.startswith("Check the app's own columns, Team, Seat: ")
    with host.app.app_context():
        host.extension.importer.retry(
            summary.import_id, workspace_id="w1", corrections={2: {"seat": "7"}}
        )
    assert {each.email: each.seat for each in host.mailboxes()}[new] == 7
    host.close()


def test_an_empty_cell_is_told_together_with_the_other_faults(tmp_path):
    host = new_host(tmp_path, required=True)
    header, line = "Daily limit,Sales region", "a@x.com,pw,smtp.x.com,,many,"
    found = imported(host, header, line).errors[0].failure
    assert found.error == "The column Daily limit is not a whole number."
    assert "The column Sales region is empty." in found.hint
    found = imported(host, header, "no address,pw,smtp.x.com,,,").errors[0].failure
    assert found.code is Code.INVALID_EMAIL
    assert "The column Sales region is empty." in found.hint
    imported(host, header, "a@x.com,pw,smtp.x.com,,5,west")
    found = imported(host, header, line, updates=True).errors[0].failure
    assert "Sales region" not in found.text
    host.close()


def test_warnings_and_faults_of_the_file_say_what_the_column_is_called(tmp_path):
    host = new_host(tmp_path)
    summary = imported(host, "emails per day", f'{ROW},"=""50"""')
    assert [each.message for each in summary.warnings] == [
        "The column Daily limit holds a formula: its text is used."
    ]
    with pytest.raises(FileError, match="The column Daily limit is there more than once"):
        imported(host, "Daily limit,emails per day", f"{ROW},9,8")
    mapping = {"A": "Daily limit", "B": "daily_limit"}
    with pytest.raises(FileError, match="the column Daily limit is named more than once"):
        imported(host, "A,B", f"{ROW},9,8", column_mapping=mapping)
    host.close()


def test_a_column_whose_attribute_ends_like_a_user_name_is_no_login(tmp_path):
    db = SQLAlchemy()
    app = bare_app(db, tmp_path / "host.sqlite", RUNNER="inline")
    column_of_crm = mapped_column(String(50), info=import_column("CRM login name of ours"))
    attributes = {"crm_username": column_of_crm, "__tablename__": "m"}
    model = type("Mailbox", (MailboxMixin, db.Model), attributes)
    extension = MailboxImport(app, db, mailbox_model=model)
    with app.app_context():
        db.create_all()
        text = "CRM login name of ours,password,smtphost,imaphost\nann@crm.com,pw,smtp.x.com,\n"
        with pytest.raises(FileError, match="no column email"):
            extension.importer.run_file(io.BytesIO(text.encode()), workspace_id="w1")


def test_the_description_has_the_columns_that_corrections_take(tmp_path):
    host = new_host(tmp_path)
    document = host.app.test_client().get("/v1/mailboxes/openapi.json").json
    names = document["components"]["schemas"]["Cells"]["propertyNames"]["enum"]
    assert names[-6:] == ["daily_limit", "is_warm", "team", "big", "region", "seat"]
    assert names[0] == "email"
    host.close()


def test_whole_numbers_of_a_workbook_are_read_with_their_digits(tmp_path):
    host = new_host(tmp_path)
    numbers = [999999999999999, 1000000000000000, 120000000000000000, -5e15, 50.0]
    rows = "".join(
        xlsx_row(f"u{place}@x.com", "pw", "smtp.x.com", "").replace(
            "</row>", f"<c><v>{number!r}</v></c></row>"
        )
        for place, number in enumerate(numbers)
    )
    header = xlsx_row(*HEADER.split(","), "Big number")
    data = zipped(parts(header + rows))
    with host.app.app_context():
        summary = host.extension.importer.run_file(
            io.BytesIO(data), workspace_id="w1", skip_connection_test=True
        )
    assert summary.errors == ()
    assert [each.big for each in host.mailboxes()] == [int(each) for each in numbers]


def test_the_columns_are_in_the_file_of_failed_rows_and_come_back(tmp_path):
    host = new_host(tmp_path)
    rows = [
        f"{ROW},fifty,true,Team A,12",
        "b@x.com,pw,smtp.x.com,,7,perhaps,@B,9223372036854775807",
    ]
    summary = imported(host, "emails per day,Warmed up,Team,Big number", *rows)
    import_id = summary.import_id
    with host.app.app_context():
        importer = host.extension.importer
        columns = host.extension.models.host_columns
        given = importer.failed_rows(import_id, workspace_id="w1")
        header, *cells = report_cells(failed_csv(given, columns))
        assert header[14:-3] == ["Daily limit", "Warmed up", "Team", "Big number", "Sales region"]
        assert [each[14:-3] for each in cells] == [
            ["fifty", "true", "Team A", "12", ""],
            ["7", "perhaps", "'@B", "9223372036854775807", ""],
        ]
        # WAHR and 9.22337E+18 are what a spreadsheet makes of true and of the number.
        lines = ("2,50,WAHR,Team A,12.0", "3,7,WAHR,@B,9.22337E+18")
        back = "\n".join(("row,Daily limit,Warmed up,team,Big number", *lines))
        stream = io.BytesIO(back.encode())
        assert importer.retry_file(import_id, stream, workspace_id="w1") == []
    first, second = sorted(host.mailboxes(), key=lambda each: each.email)
    assert (first.daily_limit, first.is_warm, first.team, first.big) == (50, True, "Team A", 12)
    assert (second.is_warm, second.team, second.big) == (True, "@B", 2**63 - 1)
    host.close()
