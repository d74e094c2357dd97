"""What is wrong with a request, each fault by itself, with what was expected. No I/O."""

import difflib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

CODES = MappingProxyType(
    {
        "parameter_unknown": "There is no such parameter.",
        "parameter_repeated": "The parameter can be set once.",
        "parameter_missing": "The parameter is required.",
        "value_unknown": "The value is none of those that there are.",
        "value_invalid": "The value is not written as it should be, or is out of bounds.",
        "not_together": "The value is right, but not together with another parameter.",
    }
)
_MAX_GOT = 100


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a parameter."""

    parameter: str
    code: str
    expected: str
    got: str = ""
    did_you_mean: str | None = None

    def __post_init__(self) -> None:
        """Of long texts the beginning is enough."""
        object.__setattr__(self, "got", self.got[:_MAX_GOT])
        object.__setattr__(self, "parameter", self.parameter[:_MAX_GOT])

    @property
    def text(self) -> str:
        got = f', got "{self.got}"' if self.got else ""
        return f"{self.parameter}: expected {self.expected}{got}"


class UnusableRequest(ValueError):
    """A request with faults."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(fault.text for fault in self.faults))

    def as_json(self) -> dict[str, Any]:
        """What the client gets."""
        count = len(self.faults)
        said = f"{count} parameters cannot be used" if count > 1 else "A parameter cannot be used"
        message = f"{said}: correct what `errors` names; the same request will get the same answer."
        return {"message": message, "errors": [asdict(fault) for fault in self.faults]}


def one_of(parameter: str, got: str, names: Iterable[str], code: str = "value_unknown") -> Fault:
    """The fault of a name that is none of these."""
    known = list(names)
    near = difflib.get_close_matches(got[:_MAX_GOT].lower(), known, n=1)
    return Fault(parameter, code, f"one of {', '.join(known)}", got, near[0] if near else None)
