"""Fixtures of the pages and the API: a host that is strict with its templates, and an API key."""

from __future__ import annotations

import jinja2
import pytest


@pytest.fixture
def host(make_host, request):
    made = make_host(**getattr(request, "param", {}))
    made.app.jinja_env.undefined = jinja2.StrictUndefined
    made.extension.workspace_loader(lambda: "w1")
    return made


@pytest.fixture
def key(host) -> str:
    return host.create_key("w1")
