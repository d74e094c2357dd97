"""What a check found."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check; `fix` says what to do unless the state is ok."""

    part: str
    state: State
    message: str
    fix: str = ""
