"""Guards against formulas: what is put in front of a cell is taken off again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_mailbox_import.core.formula_guard import guarded, unguarded

#: Texts that a spreadsheet may compute, whole or in part; none has an apostrophe of its own.
TEXTS = st.text(st.sampled_from("=+-@|;\t ax1\uff1d\r\n"), max_size=8)


@given(TEXTS)
def test_a_guard_is_taken_off_again(text):
    assert unguarded(guarded(text)) == text


@pytest.mark.parametrize("text", ["'", "'a", "it's", "''=1", "a;b", "' ", "'7"])
def test_other_apostrophes_stay(text):
    assert unguarded(text) == text
