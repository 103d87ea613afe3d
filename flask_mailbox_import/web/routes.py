"""Registers the views of api.py as routes: finds, checks and describes each call of the API."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask import Blueprint, Response, request

from ..core.words import say
from ..engine.state import current_state
from .auth import authenticate, caller_of
from .errors import RequestError
from .forms import refuse_arguments
from .responses import answered
from .uploads import check_envelope, has_form

#: A route answers all methods, so that a wrong one is refused in JSON.
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]

View = Callable[..., Response]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method of one path, with what the OpenAPI document says of it.

    Answers, arguments, headers and bodies are named as the components in openapi.json.
    """

    method: str
    #: The path as Flask writes it, with ``<import_id>``.
    path: str
    #: The endpoint, without the name of the blueprint.
    endpoint: str
    #: The view. Its arguments are the caller, unless the route is open, and the values of the path.
    view: View
    tag: str
    #: The names of the answers, by status.
    answers: Mapping[int, str]
    #: The statuses of refusals, beside those that every route may give.
    may: tuple[int, ...] = ()
    #: The query arguments that it takes.
    arguments: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    body: str | None = None
    #: Whether it takes a file as multipart/form-data.
    takes_file: bool = False
    #: Whether it takes JSON, too, or no body at all.
    takes_json: bool = False
    #: Whether it needs no key.
    is_open: bool = False


#: Every route of the API, in the order of the OpenAPI document.
ROUTES: list[Route] = []


def route(
    method: str,
    path: str,
    endpoint: str,
    *,
    tag: str,
    answers: Mapping[int, str],
    may: tuple[int, ...] = (),
    arguments: tuple[str, ...] = (),
    headers: tuple[str, ...] = (),
    body: str | None = None,
    takes_file: bool = False,
    takes_json: bool = False,
    is_open: bool = False,
) -> Callable[[View], View]:
    """Add a view to the table; see the fields of :class:`Route`."""

    def decorate(view: View) -> View:
        ROUTES.append(
            Route(
                method=method,
                path=path,
                endpoint=endpoint,
                view=view,
                tag=tag,
                answers=answers,
                may=may,
                arguments=arguments,
                headers=headers,
                body=body,
                takes_file=takes_file,
                takes_json=takes_json,
                is_open=is_open,
            )
        )
        return view

    return decorate


def register(blueprint: Blueprint) -> None:
    """Add all routes of the table to the blueprint."""
    by_path: dict[tuple[str, str], dict[str, Route]] = defaultdict(dict)
    for each in ROUTES:
        by_path[each.path, each.endpoint][each.method] = each
    for (path, endpoint), routes in by_path.items():
        blueprint.add_url_rule(
            path,
            endpoint=endpoint,
            view_func=_view(endpoint, routes),
            methods=_METHODS,
            provide_automatic_options=False,
        )


def _view(endpoint: str, routes: Mapping[str, Route]) -> View:
    """Return the view of a path: it calls the route of the method, and refuses other methods."""

    def view(**values: str) -> Response:
        if request.method == "OPTIONS":
            return Response(status=204, headers={"Allow": ", ".join([*routes, "OPTIONS"])})
        return answered(lambda: _called(routes, values))

    # A host's CSRFProtect knows exempt views by their module and name.
    view.__name__ = endpoint
    return view


def _called(routes: Mapping[str, Route], values: Mapping[str, str]) -> Response:
    """Check a call in the contract's order (401, 405, 415, 413, 400); then call its view."""
    state = current_state()
    is_open = any(each.is_open for each in routes.values())
    identity = None
    if not is_open:
        identity = authenticate(request, state.api_keys, state.api_workspace_loader())
    found = _route_of(routes)
    if found.takes_file and (has_form() or not found.takes_json):
        check_envelope()
    caller = caller_of(identity, request) if identity is not None else None
    refuse_arguments(request, *found.arguments)
    return found.view(**values) if caller is None else found.view(caller, **values)


def _route_of(routes: Mapping[str, Route]) -> Route:
    found = routes.get("GET" if request.method == "HEAD" else request.method)
    if found is None:
        allowed = {"Allow": ", ".join(routes)}
        words = say("Call this with %(methods)s.", methods=" or ".join(routes))
        raise RequestError(405, "method_not_allowed", words, headers=allowed)
    return found
