"""The forms of the pages, with CSRF tokens; their fields are named, and judged, as the API's."""

from __future__ import annotations

from typing import Any

from flask import request
from flask_wtf import FlaskForm
from werkzeug.datastructures import CombinedMultiDict
from wtforms import BooleanField, StringField

_FALSE = (False, "", "false", "0")


class UploadForm(FlaskForm):
    """What the upload page shows again where something was wrong."""

    tag = StringField()
    skipConnectionTest = BooleanField(false_values=_FALSE)  # noqa: N815 (as the API's)
    testImap = BooleanField(false_values=_FALSE)  # noqa: N815 (as the API's)


class ConfirmForm(FlaskForm):
    """A button, and the token that makes it the user's own."""


def sent(form: type[FlaskForm]) -> FlaskForm:
    """Return a form with what was sent as form data; a JSON body is none."""
    return form(formdata=CombinedMultiDict[str, Any]([request.files, request.form]))
