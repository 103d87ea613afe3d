"""Texts that know what they are made of; sentences of rows by their keys."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import replace

import pytest

from flask_mailbox_import.core.codes import Code
from flask_mailbox_import.core.explanations import VARIANTS, Variant
from flask_mailbox_import.core.failures import failure_for, failure_of
from flask_mailbox_import.core.remarks import REMARKS, WARNINGS
from flask_mailbox_import.core.rows import RowWarning
from flask_mailbox_import.core.sentences import Sentence, sentence
from flask_mailbox_import.core.words import Words, foreign, joined, say, together


def _pickled(words: Words) -> Words:
    return pickle.loads(pickle.dumps(words))  # noqa: S301 (our own)


def test_words_are_a_string_with_their_values():
    words = say("Row %(row)s: %(text)s", row=3, text=say("100%% of %(what)s", what="it"))
    assert words == "Row 3: 100% of it"
    assert json.loads(json.dumps([words])) == ["Row 3: 100% of it"]
    assert [each.template for each in words.parts] == ["Row %(row)s: %(text)s"]


def test_a_text_without_values_is_shown_as_it_is():
    assert say("100% sure") == foreign("100% sure") == "100% sure"


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, _pickled])
def test_a_copy_knows_its_parts(copied):
    words = together(say("%(count)s row", plural="%(count)s rows", count=2), say("More."))
    assert copied(words) == words == "2 rows. More."
    assert copied(words).parts == words.parts


def test_a_count_decides_the_template():
    assert say("%(count)s row", plural="%(count)s rows", count=1) == "1 row"
    assert say("%(count)s row", plural="%(count)s rows", count=0) == "0 rows"


def test_sentences_that_follow_others_are_told_apart_by_stops():
    missing = failure_for(Code.MISSING_CREDENTIALS)
    assert missing.text == (
        "Missing SMTP host or password. Fill in the columns smtphost and password."
    )
    linked = together(say("See https://x.example/y"), say("Then this."))
    assert linked == "See https://x.example/y Then this."
    assert together(Words(), say("One")) == "One"
    assert joined(["\u0939\u094b\u0924\u093e \u0939\u0948\u0964", "«x»", "(y)", "z", "."]) == (
        "\u0939\u094b\u0924\u093e \u0939\u0948\u0964 «x» (y) z. ."
    )


def test_failures_and_warnings_can_stand_in_a_set():
    failure = failure_for(Code.INVALID_PORT, column="a", allowed="25", default=25)
    warning = RowWarning(row=1, column="a", code="changed_number", values={"text": "25"})
    assert len({failure, replace(failure), warning, replace(warning)}) == 2


def test_a_step_stands_before_one_that_ends_with_a_link():
    failure = failure_for(Code.BAD_CREDENTIALS)
    more = sentence("imap_fails_alike")
    assert failure.with_last(more).steps[-1] == more
    gmail = failure_for(Code.BAD_CREDENTIALS).with_first(sentence("Gmail.bad_credentials"))
    (link,) = [each for each in gmail.steps if each.provider == "Gmail"]
    only = failure_for(Code.UNKNOWN).with_first()
    assert only.steps == failure_for(Code.UNKNOWN).steps
    assert [each.key for each in _linked(link).with_last(more).steps] == [more.key, link.key]


def _linked(link: Sentence):
    failure = failure_for(Code.BAD_CREDENTIALS)
    return type(failure)(code=failure.code, what=failure.what, steps=(link,))


VALUES = {
    "host": "smtp.x.com",
    "mark": "'",
    "character": "'@'",
    "placeholder": "NULL",
    "more": "/webmail",
    "column": "smtphost",
    "columns": "Team",
    "protocol": "smtp",
    "limit": 3,
    "least": "-3",
    "most": "3",
    "count": 3,
    "default": 587,
    "allowed": "25",
    "secure": "smtpsecure",
    "tls": 465,
    "starttls": 587,
}


@pytest.mark.parametrize("code", Code)
def test_each_code_has_a_sentence_and_a_step(code):
    failure = failure_for(code, **VALUES)
    assert failure.error
    assert failure.hint.endswith(".")
    assert "%(" not in failure.text


@pytest.mark.parametrize("variant", Variant)
def test_each_cause_within_a_code_has_its_own(variant):
    failure = failure_of(variant, **VALUES)
    assert failure.code is VARIANTS[variant][0]
    assert failure.hint.endswith(".")
    assert "%(" not in failure.text
    plain = failure_for(failure.code, **VALUES)
    assert failure.text != plain.text


def test_a_sentence_keeps_only_the_values_that_it_names():
    said = sentence("works_with", {"port": 25, "setting": "a", "mode": "TLS", "more": 1})
    assert sorted(said.values) == ["mode", "port", "setting"]
    with pytest.raises(KeyError):
        sentence("works_with", {"port": 25})


def test_a_warning_names_its_column():
    warning = RowWarning(row=2, column="smtpport", code="changed_number", values={"text": "587"})
    assert warning.message == (
        "The number in the column smtpport is not written as a port: it is read as 587."
    )
    assert {code for code in WARNINGS if WARNINGS[code][-1] not in ".?"} == set()
    assert not REMARKS.keys() & {code.value for code in Code}
