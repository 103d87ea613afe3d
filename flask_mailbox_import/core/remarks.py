"""What is added to the hints of failed rows, and the sentence of each warning, by their slugs."""

from __future__ import annotations

_PORT_UNREACHABLE = (
    "None of the %(servers)s servers on port %(port)s could be reached: this app's own network "
    "seems to block that port. Ask whoever runs the app, or its hosting company, to open it; "
    "the mailboxes need not be wrong."
)

#: What is added to a hint, or stands in its place. Two templates are for a count of 1 and for more.
REMARKS: dict[str, str | tuple[str, str]] = {
    "also": "Also:",
    "did_you_mean": "Did you mean %(server)s?",
    "use_setting": "Use %(setting)s.",
    "use_port": "Use port %(port)s with %(setting)s.",
    "check_or_use_port": "Check the server name, or use port %(port)s with %(setting)s.",
    "ask_for_port": "Ask the provider which port and encryption it wants.",
    "receives_only": "%(host)s receives mail and takes no logins: use the server for sending.",
    "receives_only_use": "%(host)s receives mail and takes no logins; use %(server)s.",
    "provider_host": "%(provider)s uses %(server)s.",
    "provider_server": "%(provider)s uses %(server)s, port %(port)s with %(setting)s.",
    "username_is_local_part": (
        "%(provider)s takes only what stands before the @ as user name: set %(column)s to %(name)s."
    ),
    "username_is_address": (
        "%(provider)s usually takes the full address as user name: then leave %(column)s empty."
    ),
    "username_is_word": (
        "%(provider)s takes the word %(name)s as user name: set %(column)s to %(name)s."
    ),
    "password_not_ascii": (
        "The password holds letters beyond A to Z, which some servers cannot read: set one of "
        "plain letters, digits and signs at the provider, and use that."
    ),
    "of_another_version": "What is wrong with this row is noted in words of another version.",
    "read_anew": "Import the file again to see it.",
    "wait_seconds": (
        "The server says to wait %(count)s second; test again after that.",
        "The server says to wait %(count)s seconds; test again after that.",
    ),
    "wait_minutes": (
        "The server says to wait %(count)s minute; test again after that.",
        "The server says to wait %(count)s minutes; test again after that.",
    ),
    "wait_hours": (
        "The server says to wait %(count)s hour; test again after that.",
        "The server says to wait %(count)s hours; test again after that.",
    ),
    "locked_out": (
        "The server refused %(count)s login, and then every connection: it has locked us out. "
        "Correct that login first, wait for it to let us in again (often 10 to 60 minutes), then "
        "test this one again.",
        "The server refused %(count)s logins, and then every connection: it has locked us out. "
        "Correct those logins first, wait for it to let us in again (often 10 to 60 minutes), "
        "then test this one again.",
    ),
    "only_imap_fails": "Sending works, reading (IMAP) does not.",
    "imap_off": (
        "The provider may have access by IMAP switched off, or want another server, username or "
        "password for it: check its help pages and the columns imaphost, imapusername and "
        "imappassword."
    ),
    "imap_fails_alike": "Reading (IMAP) fails for the same reason.",
    "imap_fails_too": "Reading (IMAP) fails too:",
    "shown_by_another_row": "Another row showed this for the server; this one was not tried.",
    "works_with": "Port %(port)s of this server works with %(setting)s (%(mode)s).",
    "port_unreachable": _PORT_UNREACHABLE,
    "app_password_spaces": (
        "App passwords are shown in groups with spaces between: enter it without them."
    ),
    "password_digits": (
        "The password is a number: zeros that it begins with are lost in a spreadsheet."
    ),
}

#: The sentence of each warning's code. ``column`` is that of the warning.
WARNINGS: dict[str, str] = {
    "rows_above_header": "Rows above the header that are not read: %(rows)s.",
    "blank_rows": "Blank rows that are left out: %(rows)s.",
    "other_sheets": "Only the sheet %(sheet)s is read, not %(others)s.",
    "example_row": "This is the example of the template: it is left out.",
    "updates": (
        "Mailboxes that are in the workspace already, and updated by this file: %(mailboxes)s."
    ),
    "address_column": "The addresses are taken from the column %(column)s.",
    "padding": "The spaces that make the column %(column)s even were taken off.",
    "failed_rows_file": (
        "This is a file of failed rows: send it back on the page of its import, or by POST to "
        ".../imports/ID/retry. Only there the passwords that are kept are used."
    ),
    "unknown_column": "The column %(column)s is not used.",
    "formula": "The column %(column)s holds a formula: its text is used.",
    "invisible_characters": (
        "The column %(column)s held characters that cannot be seen: they were taken out."
    ),
    "quotation_marks": "The column %(column)s stood in quotation marks: they were taken off.",
    "read_as_empty": "The column %(column)s holds '%(text)s': it is read as empty.",
    "changed_number": (
        "The number in the column %(column)s is not written as a port: it is read as %(text)s."
    ),
    "password_spaces": (
        "The password begins or ends with a space. It is used as it is: remove the space in the "
        "file if it does not belong there."
    ),
    "password_invisible": (
        "The password holds a character that cannot be seen, such as a no-break space. It is used "
        "as it is: if it was pasted, type it anew."
    ),
    "password_quotes": (
        "The password holds a quotation mark that a program may have added or changed. It is used "
        "as it is: type it anew if the mark is not a part of it."
    ),
    "password_number": (
        "A spreadsheet has probably changed this password, because it took it for a number: set "
        "the column to Text there and enter the password anew."
    ),
    "password_date": (
        "A spreadsheet may have changed this password, because it took it for a date: if so, set "
        "the column to Text there and enter the password anew."
    ),
    "password_lost": (
        "This is not a password but what a spreadsheet shows where it cannot show one: set the "
        "column to Text there and enter the password anew."
    ),
    "password_formula": (
        "The password is written as a formula. It is used as it is: if only the text between the "
        "quotation marks is the password, leave the rest out."
    ),
    "password_garbled": (
        "The password holds letters that look wrongly converted. If they are not meant so, type it "
        "anew."
    ),
    "no_password_login": (
        "%(provider)s lets no program log in with a password: only its own sign-in (OAuth), if it "
        "has one, can connect this mailbox."
    ),
    "app_password_expected": (
        "%(provider)s needs an app password, and this password has not the form of one."
    ),
    "server_typo": "The server is %(host)s: did you mean %(server)s?",
    "receives_only": "%(host)s receives mail and takes no logins; use %(server)s.",
    "server_found": (
        "The column %(column)s was empty: %(host)s, port %(port)s, was found for %(domain)s."
    ),
    "server_kept": (
        "The column %(column)s was empty: the mailbox keeps its server %(host)s, port %(port)s."
    ),
    "server_suggested": (
        "%(domain)s names %(host)s, port %(port)s, which belongs to another domain: it is not "
        "used. If you know this server, fill in %(settings)s."
    ),
    "not_looked_up": (
        "The column %(column)s is empty, and the servers of %(domain)s could not be looked up: "
        "%(advice)s."
    ),
    "two_headers": "Two rows of column names were read as one.",
    "remark_rows": "Rows that are remarks and not read: %(rows)s.",
    "quoted_cells": "Rows that stood in one cell and were taken apart: %(rows)s.",
    "read_as": "The column %(column)s is read as '%(text)s'.",
    "look_alike": (
        "The column %(column)s holds %(character)s, among Latin letters that look like it: type it "
        "anew if that is not meant."
    ),
    "empty_formula": (
        "The column %(column)s holds a formula, and the workbook has no result of it: open it in "
        "its program, save it there, and upload it again."
    ),
    "html_entities": (
        "The column %(column)s holds signs as HTML writes them, such as &amp; for &. It is used as "
        "it is: write the signs themselves if they are meant."
    ),
    "formula_guard": (
        "The column %(column)s begins with an apostrophe, as programs write it in front of what a "
        "spreadsheet would compute. It is used as it is: take the apostrophe out if it is not a "
        "part of it."
    ),
    "placeholder_password": (
        "The column %(column)s looks like a note in place of a password: fill in the password "
        "itself, if it is not."
    ),
    "not_text": (
        "The column %(column)s is no text in the workbook but %(kind)s, and the sheet may show it "
        "in another way than it is stored: set the column to Text there and enter the password "
        "anew."
    ),
    "other_password": (
        "Row %(first)s has the same address with another password, and counts: check which "
        "password is right."
    ),
    "port_unreachable": _PORT_UNREACHABLE,
    "tls_mode_mismatch": (
        "Port %(port)s of this server works with %(column)s=%(secure)s (%(mode)s). It is saved so."
    ),
}
