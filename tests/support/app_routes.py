"""The routes of an app: those that the contract has, and those that are mounted."""

from __future__ import annotations

from host_apps import Host
from import_calls import IMPORTS

#: The description of the API.
OPENAPI = "/v1/mailboxes/openapi.json"
#: The methods by the address; ``ID`` stands for that of an import.
ROUTES = {
    "/v1/mailboxes/import/smtp": "POST",
    "/v1/mailboxes/import/smtp/template.csv": "GET",
    OPENAPI: "GET",
    "/v1/mailboxes/connection-test": "POST",
    IMPORTS: "GET",
    f"{IMPORTS}/ID": "GET, DELETE",
    f"{IMPORTS}/ID/rows": "GET",
    f"{IMPORTS}/ID/report.csv": "GET",
    f"{IMPORTS}/ID/failed.csv": "GET",
    f"{IMPORTS}/ID/cancel": "POST",
    f"{IMPORTS}/ID/continue": "POST",
    f"{IMPORTS}/ID/retry": "POST",
}


def routes(host: Host, *, api: bool) -> list[tuple[str, set[str]]]:
    """Return the addresses of our routes, with ``{}`` for an import, and their methods."""
    rules = [each for each in host.app.url_map.iter_rules() if "static" not in each.endpoint]
    return [
        (each.rule.replace("<import_id>", "{}"), each.methods)
        for each in rules
        if each.endpoint.startswith("mailbox_import.") and each.rule.startswith("/v1/") == api
    ]
