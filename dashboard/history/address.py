"""Links to the history: a query's parameters, changed. No I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from dashboard.filters import FILTERS, Condition, can_be_stored, condition_of

PATH = "/history"
# The parameter of a page that reads nothing, as its reader stopped it. No link repeats it.
STOP = "stop"


@dataclass(frozen=True, slots=True)
class Chip:
    """A condition as the page shows it, with the links that turn it round and remove it."""

    title: str
    condition: Condition
    turned: str
    removed: str


class Address:
    """The parameters of a request, without empty ones and those that nothing can use."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._pairs = [(name, value) for name, value in pairs if value and can_be_stored(value) and name != STOP]

    def link(self, path: str = PATH, /, **changes: str | None) -> str:
        """The same query with changed parameters: `link(step="day")`. None removes a parameter."""
        unchanged = [(name, value) for name, value in self._pairs if name not in changes]
        changed = [(name, value) for name, value in changes.items() if value is not None]
        query = urlencode([*unchanged, *changed])
        return f"{path}?{query}" if query else path

    def only(self, name: str, value: str) -> str:
        """The same query of events for which this filter has this value, for all panels again."""
        return self.link(panel=None, search=None, start=None, **{name: Condition(name, value).parameter})

    def without_filters(self) -> str:
        """The same query of all events."""
        return self.link(**dict.fromkeys(FILTERS))

    def chips(self, conditions: Sequence[Condition]) -> list[Chip]:
        """A chip per condition."""
        return [
            Chip(
                FILTERS[each.name].title,
                each,
                self._replaced(each, Condition(each.name, each.value, not each.is_excluded)),
                self._replaced(each, None),
            )
            for each in conditions
        ]

    def added(self, name: str, value: str, *, is_excluded: bool) -> str:
        """The same query with one more condition, from the page's form."""
        rest = [pair for pair in self._pairs if pair[0] not in ("filter", "value", "is")]
        added = [(name, Condition(name, value, is_excluded).parameter)] if name in FILTERS and value else []
        return f"{PATH}?{urlencode([*rest, *added])}"

    def fields(self, *without: str) -> list[tuple[str, str]]:
        """The parameters that a form has to repeat."""
        return [pair for pair in self._pairs if pair[0] not in without]

    def _replaced(self, condition: Condition, by: Condition | None) -> str:
        changed = []
        for name, value in self._pairs:
            if name != condition.name or condition_of(name, value) != condition:
                changed.append((name, value))
            elif by and (name, by.parameter) not in changed:
                changed.append((name, by.parameter))
        return f"{PATH}?{urlencode(changed)}" if changed else PATH
