"""Each route of the API, and the methods that it has."""

from __future__ import annotations

from import_calls import IMPORTS

#: The methods by the address; ``ID`` stands for that of an import.
ROUTES = {
    "/v1/mailboxes/import/smtp": "POST",
    "/v1/mailboxes/import/smtp/template.csv": "GET",
    "/v1/mailboxes/openapi.json": "GET",
    "/v1/mailboxes/connection-test": "POST",
    IMPORTS: "GET",
    f"{IMPORTS}/ID": "GET, DELETE",
    f"{IMPORTS}/ID/rows": "GET",
    f"{IMPORTS}/ID/report.csv": "GET",
    f"{IMPORTS}/ID/cancel": "POST",
    f"{IMPORTS}/ID/continue": "POST",
    f"{IMPORTS}/ID/retry": "POST",
}
