"""Whether two records with one id are the same event, sent again. If not, the second one must not vanish."""

from typing import NamedTuple

from sinks.sql import read_statements

_SQL = read_statements(__name__)
# Conditions over rows `copied` and `stored`, with the columns of raw_events.
SAME_SENDER, SAME_CONTENT = _SQL["same_sender"], _SQL["same_content"]


class Likeness(NamedTuple):
    """What two records with one id have in common."""

    same_sender: bool
    same_content: bool

    @property
    def fault(self) -> str:
        """Why they are not the same event; empty if they are."""
        if self.same_sender and self.same_content:
            return ""
        what = "other content" if self.same_sender else "another sender"
        if not (self.same_sender or self.same_content):
            what += " and other content"
        return f"an event with the same id landed before, with {what}; ids must not be used twice"
