"""Mends what failed: its causes, what was typed so far, and the test of all rows of a cause."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ..core.errors import NotRetryable
from ..core.remedies import ROWS_A_CAUSE, FailedCause
from ..core.rows import CheckedRow
from ..core.secret import Secret
from ..core.words import say
from ..storage.causes import Causes
from ..storage.drafts import Drafts, Typed
from ..storage.mailboxes import Mailboxes
from .corrections import Values
from .importer import Importer, asked_for


class Mending:
    """Mends the failed rows of one app's imports. Every method needs an app context.

    What was typed has the name ``ROW.COLUMN`` or ``CAUSE.COLUMN``, with the id of a cause.
    """

    def __init__(
        self, importer: Importer, causes: Causes, drafts: Drafts, mailboxes: Mailboxes
    ) -> None:
        self._importer = importer
        self._causes = causes
        self._drafts = drafts
        self._mailboxes = mailboxes

    def causes(
        self,
        import_id: str,
        *,
        workspace_id: str,
        start: int = 0,
        limit: int,
        after: Mapping[str, int] | None = None,
        most: int = ROWS_A_CAUSE,
    ) -> tuple[list[FailedCause], int]:
        """Return causes of failed rows, those with most rows first; and how many there are.

        :param start: the place of the first one.
        :param limit: how many at most.
        :param after: by the id of a cause, the row after which its list of rows begins.
        :param most: how many rows are listed of those causes.
        :raises ImportNotFound: the workspace has no import of this id.
        """
        with asked_for(import_id, workspace_id):
            return self._causes.causes(
                import_id, workspace_id, start=start, limit=limit, after=after, most=most
            )

    def cause_of(self, import_id: str, row: int, *, workspace_id: str) -> str:
        """Return the id of the cause of a failed row; "" where it has not failed.

        :raises ImportNotFound: the workspace has no import of this id.
        """
        with asked_for(import_id, workspace_id):
            return self._causes.cause_of(import_id, workspace_id, row)

    def count_pending(self, import_id: str, *, workspace_id: str) -> int:
        """Return how many of the mailboxes that an import added are not tested yet."""
        return self._mailboxes.count_pending(workspace_id, import_id)

    def typed(self, import_id: str, *, workspace_id: str) -> Typed:
        """Return what was typed and is not tested yet.

        :raises ImportNotFound: the workspace has no import of this id.
        """
        with asked_for(import_id, workspace_id):
            return self._drafts.read(import_id, workspace_id)

    def keep_typed(
        self, import_id: str, typed: Mapping[str, str | Secret | None], *, workspace_id: str
    ) -> Typed:
        """Keep what was typed, for 24 hours; None: nothing. Return all that is kept now.

        :raises ImportNotFound: the workspace has no import of this id.
        :raises NotRetryable: it is more than can be kept.
        """
        with asked_for(import_id, workspace_id):
            if not typed:
                return self._drafts.read(import_id, workspace_id)
            return self._drafts.change(import_id, workspace_id, typed)

    def test_cause(
        self,
        import_id: str,
        cause_id: str,
        values: Values,
        *,
        workspace_id: str,
        only_changed: bool = False,
    ) -> list[CheckedRow]:
        """Test all rows of a cause with the same new values, and what was typed for each of them.

        :param only_changed: leave out the rows for which nothing was typed.
        :returns: the rows that are not tested, with their failures.
        :raises NotRetryable: no row has this cause any more, or none was changed.
        :raises WrongCorrection: what was typed is wrong; nothing was changed, and it is kept.
        :raises ImportNotRunnable, ImportNotFound, TooManyRefusedLogins, TooManyRunning,
            TooManyWaiting, ImportInterrupted: see :meth:`Importer.retry`.
        """
        with asked_for(import_id, workspace_id):
            numbers = self._causes.numbers(import_id, workspace_id, cause_id)
            typed = self._drafts.read(import_id, workspace_id)
        own = _by_row(typed)
        chosen = [each for each in numbers if each in own or not only_changed]
        if not chosen:
            words = say("Nothing is changed yet: type what is right, and test it then.")
            gone = say("These mailboxes are tested already.")
            raise NotRetryable(words if numbers else gone)
        corrections = {each: {**values, **own.get(each, {})} for each in chosen}
        refused = self._importer.retry(
            import_id, workspace_id=workspace_id, corrections=corrections, strict=True
        )
        self._forget(import_id, workspace_id, typed, {cause_id, *map(str, chosen)})
        return refused

    def test_rows(
        self, import_id: str, rows: Collection[int], *, workspace_id: str
    ) -> list[CheckedRow]:
        """Test some rows with what was typed for each, as :meth:`test_cause` does."""
        typed = self.typed(import_id, workspace_id=workspace_id)
        own = _by_row(typed)
        corrections = {each: own.get(each, {}) for each in rows}
        refused = self._importer.retry(
            import_id, workspace_id=workspace_id, corrections=corrections, strict=True
        )
        self._forget(import_id, workspace_id, typed, set(map(str, rows)))
        return refused

    def _forget(self, import_id: str, workspace_id: str, typed: Typed, whose: set[str]) -> None:
        """Forget what was typed for rows and causes that are tested now."""
        gone = dict.fromkeys(name for name in typed if name.partition(".")[0] in whose)
        if gone:
            self._drafts.change(import_id, workspace_id, gone)


def _by_row(typed: Typed) -> dict[int, dict[str, str | Secret]]:
    found: dict[int, dict[str, str | Secret]] = {}
    for name, value in typed.items():
        row, _, column = name.partition(".")
        if row.isdigit():
            found.setdefault(int(row), {})[column] = value
    return found
