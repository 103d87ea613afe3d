"""The file of failed rows: what is given out, and what is to be done with what comes back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO

from ..config import Config
from ..core.errors import NotRetryable, shielded
from ..core.host_columns import HostColumn
from ..core.imports import ImportOptions
from ..core.rows import SECRET_COLUMNS, FailedRow, RowStatus
from ..core.words import say
from ..reading.failed_rows import ReturnedRow, read_failed_rows
from ..reading.reader import read_bytes
from ..storage.listing import Listing
from .corrections import Corrections


class FailedRows:
    """Gives out the failed rows of imports of one app, and reads them when they come back.

    Every method needs an app context.

    :param host_columns: the columns of the host's own that files may fill.
    """

    def __init__(
        self, config: Config, listing: Listing, host_columns: Sequence[HostColumn]
    ) -> None:
        self._config = config
        self._listing = listing
        self._host_columns = host_columns

    def given(self, import_id: str, workspace_id: str) -> tuple[FailedRow, ...]:
        """Return the failed rows of an import, in the file's order, without passwords.

        Of a row that is not kept any more the address and the SMTP server are known.

        :raises ImportNotFound: the workspace has no import of this id.
        """
        status = RowStatus.FAILED
        rows = self._listing.rows(import_id, workspace_id, status, limit=None).items
        found = self._listing.kept_cells(import_id, workspace_id, status, limit=len(rows))
        kept = {each.row: each.cells for each in found}
        return tuple(
            FailedRow(
                result=each,
                cells=kept.get(each.row)
                or {
                    "email": each.email,
                    "smtphost": each.smtp_host,
                    "smtpport": str(each.smtp_port or ""),
                },
                is_kept=each.row in kept,
            )
            for each in rows
        )

    @shielded
    def returned(
        self, import_id: str, stream: IO[bytes], options: ImportOptions
    ) -> tuple[list[int], Corrections]:
        """Return the rows of a file that are to be tested as they are, and its corrections.

        :raises ImportNotFound: the workspace has no import of this id.
        :raises FileError: the file cannot be read, or is no file of failed rows.
        :raises NotRetryable: a line is wrong, or nothing is to be tested.
        """
        given = self.given(import_id, options.workspace_id)
        data = read_bytes(stream, self._config)
        found = read_failed_rows(data, self._config, options, given, self._host_columns)
        by_row = {each.row: each for each in given}
        for each in found:
            _refuse_without_password(each, by_row[each.row])
        corrections = {each.row: each.values for each in found if each.values}
        rows = [each.row for each in found if not each.values and by_row[each.row].may_pass]
        if not rows and not corrections:
            raise NotRetryable(
                say(
                    "Nothing is changed in this file, and no row of it may pass as it is: correct "
                    "the rows, or fill in their passwords, and send the file again."
                )
            )
        return rows, corrections


def _refuse_without_password(returned: ReturnedRow, given: FailedRow) -> None:
    if returned.values and not given.is_kept and SECRET_COLUMNS.isdisjoint(returned.values):
        words = say(
            "Line %(line)s: the password of row %(row)s is not kept any more. Fill it in, or take "
            "the line out.",
            line=returned.line,
            row=returned.row,
        )
        raise NotRetryable(words)
