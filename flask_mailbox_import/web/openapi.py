"""Makes the OpenAPI document: paths from the route table, schemas from openapi.json."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

from ..core.host_columns import HostColumn
from .routes import ROUTES, Route

#: For each status of a refusal the name of its response in openapi.json.
_REFUSALS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    413: "TooLarge",
    415: "NotMultipart",
    429: "TooMany",
    500: "Internal",
}


def document_for(host_columns: Iterable[HostColumn], address: str) -> dict[str, Any]:
    """Return the document (OpenAPI 3.1) of one app.

    :param host_columns: the columns of the host's own that corrections take, too.
    :param address: where its routes begin.
    """
    own = deepcopy(document())
    names = own["components"]["schemas"]["Cells"]["propertyNames"]["enum"]
    names += [each.attribute for each in host_columns]
    return {**own, "servers": [{"url": address}]}


@cache
def document() -> dict[str, Any]:
    """Return the document of any app, without its servers."""
    text = Path(__file__).with_name("openapi.json").read_text("utf-8")
    written: dict[str, Any] = json.loads(text)
    paths: dict[str, dict[str, Any]] = {}
    for each in ROUTES:
        path = re.sub(r"<(\w+)>", r"{\1}", each.path)
        paths.setdefault(path, {})[each.method.lower()] = _operation(each)
    return {**written, "paths": paths}


def _operation(route: Route) -> dict[str, Any]:
    """Return the operation of a route; summary and description are its view's docstring."""
    summary, _, description = (inspect.getdoc(route.view) or "").partition("\n\n")
    operation: dict[str, Any] = {
        "operationId": _camel_case(route.view.__name__),
        "tags": [route.tag],
        "summary": summary.rstrip("."),
    }
    if description:
        operation["description"] = " ".join(description.split())
    operation["parameters"] = [_component("parameters", each) for each in _parameters(route)]
    if route.body is not None:
        operation["requestBody"] = _component("requestBodies", route.body)
    answers = {**route.answers, **{each: _REFUSALS[each] for each in _refusals(route)}}
    operation["responses"] = {
        str(status): _component("responses", answers[status]) for status in sorted(answers)
    }
    if route.is_open:
        operation["security"] = []
    return operation


def _parameters(route: Route) -> list[str]:
    names = ["import_id"] if "<import_id>" in route.path else []
    names += [] if route.is_open else ["X-Workspace-Id"]
    return [*names, *route.headers, *route.arguments]


def _refusals(route: Route) -> set[int]:
    found = {400, 405, *route.may}
    if not route.is_open:
        found |= {401, 403, 500}
    if route.takes_file:
        found |= {413, 415}
    if "<import_id>" in route.path:
        found.add(404)
    return found


def _component(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(each.title() for each in others)
