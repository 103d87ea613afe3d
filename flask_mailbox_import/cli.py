"""The commands ``flask mailbox-import ...``: reads options, calls the importer, prints."""

from __future__ import annotations

import functools
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import IO, TYPE_CHECKING

import click
from flask.cli import with_appcontext

from .core.causes import server_of
from .core.errors import FileError, ImportNotRunnable, MailboxImportError
from .core.imports import STALE_AFTER, ImportOptions, ImportStatus, Summary
from .core.validators import one_line
from .engine.state import current_state

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar


group = click.Group("mailbox-import", help="Import mailboxes from a CSV file.")

_EXIT_ROWS_FAILED = 1
_EXIT_FILE_FAULT = 2


@group.command("create-key")
@click.option("--workspace", help="The workspace that the key is for.")
@click.option("--platform", is_flag=True, help="Make a platform key, for several workspaces.")
@click.option("--workspaces", help="The workspaces of a platform key: A,B.")
@with_appcontext
def create_key(workspace: str | None, platform: bool, workspaces: str | None) -> None:
    """Make an API key and print it, this once."""
    named = [each.strip() for each in (workspaces or "").split(",") if each.strip()]
    if platform and (not named or workspace):
        raise click.UsageError("a platform key takes --workspaces A,B")
    if not platform and (not workspace or workspaces):
        raise click.UsageError("name the workspace with --workspace")
    try:
        key = current_state().api_keys.create(named or [workspace or ""], platform=platform)
    except ValueError as fault:
        raise click.UsageError(str(fault)) from None
    click.echo(key)


@group.command("keys")
@with_appcontext
def list_keys() -> None:
    """List the API keys that are not revoked: id, first characters, workspaces, made, last used."""
    for key in current_state().api_keys.list_valid():
        kind = "platform" if key.platform else "workspace"
        workspaces = ",".join(key.workspace_ids)
        used = _time(key.last_used_at) if key.last_used_at else "never used"
        click.echo(
            f"{key.id}\t{key.prefix}...\t{kind}\t{workspaces}\t{_time(key.created_at)}\t{used}"
        )


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


@group.command("revoke-key")
@click.argument("key_id", type=int)
@with_appcontext
def revoke_key(key_id: int) -> None:
    """Refuse an API key from now on; KEY_ID is the number that ``keys`` shows."""
    if not current_state().api_keys.revoke(key_id):
        raise click.ClickException(f"there is no valid key {key_id}; see 'keys'")
    click.echo(f"Key {key_id} is revoked.")


@group.command("run")
@click.argument("file", type=click.File("rb"))
@click.option("--workspace", required=True, help="The workspace to import into.")
@click.option("--tag", help="A tag for every mailbox of the file.")
@click.option("--skip-connection-test", is_flag=True, help="Store as pending, without a test.")
@click.option("--test-imap/--no-test-imap", default=None, help="Log in for reading too.")
@click.option("--encoding", help="The encoding of a file that is not in Unicode.")
@click.option("--column", "columns", multiple=True, help="THEIRS=OURS: a column of another name.")
@click.option(
    "--find-servers",
    is_flag=True,
    help="For rows that name no server, find it by the address's domain.",
)
@click.option("--smtp-host", help="The SMTP server, for rows that name none.")
@click.option("--smtp-port", help="The port for SMTP, for rows that name none.")
@click.option(
    "--smtp-secure/--no-smtp-secure", default=None, help="TLS from the start, or STARTTLS."
)
@click.option("--imap-host", help="The IMAP server, for rows that name none.")
@click.option("--imap-port", help="The port for IMAP, for rows that name none.")
@click.option(
    "--imap-secure/--no-imap-secure", default=None, help="TLS from the start, or STARTTLS."
)
@click.option("--dry-run", is_flag=True, help="Say what is in the file; store nothing.")
@with_appcontext
def run(
    file: IO[bytes],
    workspace: str,
    tag: str | None,
    skip_connection_test: bool,
    test_imap: bool | None,
    encoding: str | None,
    columns: tuple[str, ...],
    find_servers: bool,
    dry_run: bool,
    **servers: str | bool | None,
) -> None:
    """Import FILE (- for standard input). Exit code 1: rows failed; 2: the file cannot be read."""
    importer = current_state().importer
    try:
        options = ImportOptions(
            workspace_id=workspace,
            tag=tag,
            skip_connection_test=skip_connection_test,
            test_imap=test_imap,
            encoding=encoding,
            column_mapping=_column_mapping(columns),
            servers=_servers(servers),
            find_servers=find_servers,
        )
        if dry_run:
            _report(importer.check_file(file, options).summary())
            return
        summary = _with_bar(functools.partial(importer.import_file, file, options))
    except FileError as fault:
        click.echo(f"Error: {fault.message}", err=True)
        raise SystemExit(_EXIT_FILE_FAULT) from None
    except MailboxImportError as fault:
        raise click.ClickException(str(fault)) from None
    except ValueError as fault:
        raise click.UsageError(str(fault)) from None
    _report(summary)


def _servers(options: Mapping[str, str | bool | None]) -> dict[str, str]:
    """Return the values for all rows, by our column names, from options such as ``smtp_host``."""
    return {
        name.replace("_", ""): str(value).lower()
        for name, value in options.items()
        if value is not None
    }


def _column_mapping(columns: Sequence[str]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for each in columns:
        theirs, equals, ours = each.rpartition("=")
        if not equals or theirs in found:
            raise click.UsageError(f"--column {each!r}: write THEIRS=OURS, each column once")
        found[theirs] = ours.strip() or None
    return found


@group.command("continue")
@click.argument("import_id", required=False)
@with_appcontext
def continue_import(import_id: str | None) -> None:
    """Run the rest of an import here, now; without IMPORT_ID, list those that are not finished."""
    importer = current_state().importer
    if import_id is None:
        for each in importer.unfinished():
            click.echo(f"{each.import_id}\t{each.workspace_id}\t{each.ready} rows to do")
        return
    waited = 0
    while True:
        try:
            summary = _with_bar(functools.partial(importer.continue_import, import_id))
        except ImportNotRunnable as fault:
            if fault.status is ImportStatus.CHECKED:
                raise click.ClickException(
                    "its file waits for somebody to say which encoding it is in: answer on its "
                    "page, or run the file with --encoding"
                ) from None
            # The import of a killed process counts as running until STALE_AFTER is over.
            if fault.status is not ImportStatus.RUNNING or waited > STALE_AFTER.total_seconds():
                raise click.ClickException(str(fault)) from None
            if not waited:
                click.echo("It may still be running: waiting for a sign of life ...", err=True)
            waited += 1
            time.sleep(1)
        except MailboxImportError as fault:
            raise click.ClickException(str(fault)) from None
        else:
            _report(summary)
            return


@group.command("work")
@click.option("--once", is_flag=True, help="End as soon as nothing waits.")
@with_appcontext
def work(once: bool) -> None:
    """Run queued imports until SIGTERM or SIGINT; then save what is known and hand over the rest.

    With RUNNER="worker" only such processes run what pages and Prefer: respond-async start.
    """
    state, ending = current_state(), threading.Event()
    if state.importer.is_inline():
        raise click.ClickException(
            "imports run in the request that starts them: set MAILBOX_IMPORT_RUNNER to 'worker' "
            "or 'thread', and use a database that processes can share"
        )
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: ending.set())
    state.worker.run(ending, once=once)


@group.command("status")
@with_appcontext
def status() -> None:
    """Print what waits, how long, what runs, and which runs are dead, by workspace."""
    found = current_state().importer.workload()
    for each in found:
        waited = "" if each.waited is None else f" (the oldest for {each.waited:.0f} s)"
        click.echo(
            f"{each.workspace_id}\t{each.queued} queued{waited}\t{each.running} running\t"
            f"{each.dead} dead"
        )
    if not found:
        click.echo("Nothing waits and nothing runs.")


@group.command("test-pending")
@click.option("--workspace", required=True, help="The workspace whose mailboxes are tested.")
@with_appcontext
def test_pending(workspace: str) -> None:
    """Test the mailboxes that are pending; those that pass become active."""
    state = current_state()
    try:
        import_id = state.importer.stage_pending(workspace_id=workspace)
        _report(_with_bar(functools.partial(state.importer.continue_import, import_id)))
    except FileError as fault:
        click.echo(fault.message)
    except MailboxImportError as fault:
        raise click.ClickException(str(fault)) from None


@group.command("purge")
@click.option("--older-than", type=click.IntRange(min=0), help="DAYS: forget older imports, too.")
@with_appcontext
def purge(older_than: int | None) -> None:
    """Erase what is kept of rows and files whose time is over. For a daily cron job."""
    importer = current_state().importer
    click.echo(f"Erased what was kept of {importer.erase_expired()} rows and files.")
    if older_than is not None:
        forgotten = importer.delete_older(timedelta(days=older_than))
        click.echo(f"Forgot {forgotten} imports; their mailboxes stay.")


@group.command("rotate-keys")
@with_appcontext
def rotate_keys() -> None:
    """Seal everything with the first encryption key. Can be interrupted and repeated."""
    rotated = current_state().rotation.run()
    click.echo(
        f"Sealed {rotated.sealed} values anew with key {rotated.key_id}; "
        f"{rotated.current} were sealed with it already."
    )
    if rotated.unopened:
        click.echo(
            f"{len(rotated.unopened)} do not open, damaged or of a key that is not in "
            f"MAILBOX_IMPORT_ENCRYPTION_KEYS: {', '.join(rotated.unopened)}",
            err=True,
        )
        raise SystemExit(_EXIT_ROWS_FAILED)
    click.echo("No other key is needed any longer.")


def _with_bar(work: Callable[..., Summary]) -> Summary:
    """Do the work, with a progress bar on standard error if that is a terminal."""
    with ExitStack() as stack:
        bars: list[ProgressBar[int]] = []

        def show(done: int, of: int) -> None:
            if not bars:
                bar = click.progressbar(range(of), label="Testing mailboxes", file=sys.stderr)
                bars.append(stack.enter_context(bar))
            bars[0].update(done - bars[0].pos)

        return work(progress=show)


def _report(summary: Summary) -> None:
    for each in summary.errors:
        if failure := each.failure:
            said = f" (The server answered: {one_line(failure.reply)})" if failure.reply else ""
            words = f"{failure.text}{said} [{failure.code.value}]"
            server = server_of(each)
            where = f" at {one_line(server)}" if server else ""
            click.echo(f"row {each.row}: {one_line(each.email)}{where}: {words}")
    for warning in summary.warnings:
        where = f"row {warning.row}: " if warning.row else ""
        click.echo(f"{where}{one_line(warning.message)}", err=True)
    click.echo(
        f"{summary.imported} imported, {summary.skipped} skipped, {summary.failed} failed"
        + (f" (import {summary.import_id})" if summary.import_id else " (dry run: nothing stored)")
    )
    if summary.failed:
        raise SystemExit(_EXIT_ROWS_FAILED)
