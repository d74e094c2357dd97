"""A program of the stack: what to run, and how to tell that it is ready."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """`name` is the process's; `serves` are the services it runs, by which the record lists its pid.

    `user` is whom to run it as, where the stack runs as root and the program refuses to.
    """

    name: str
    argv: tuple[str, ...]
    is_ready: Callable[[], bool]
    environ: Mapping[str, str] = field(default_factory=dict)
    serves: tuple[str, ...] = ()
    user: str | None = None
    show_log_on_crash: bool = False

    @property
    def services(self) -> tuple[str, ...]:
        """The names under which the record lists the process."""
        return self.serves or (self.name,)
