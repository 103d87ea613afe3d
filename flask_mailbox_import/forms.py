"""The forms of the pages, with CSRF tokens; their fields are named as the API's."""

from __future__ import annotations

from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import BooleanField, StringField


class UploadForm(FlaskForm):
    """What the upload page asks for; the file itself is judged by the reader."""

    file = FileField()
    tag = StringField()
    skipConnectionTest = BooleanField()  # noqa: N815 (the API's name)


class ConfirmForm(FlaskForm):
    """A button, and the token that makes it the user's own."""
