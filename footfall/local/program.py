"""A program of the stack: what to run, and how to find out that it is ready."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """`serves` names the services that the process runs, by which `stack.json` lists its pid; default `name`.

    `user` is the user to run it as, for a program that refuses to run as root. `probes` is the URL of its probes,
    if it serves nothing else.
    """

    name: str
    argv: tuple[str, ...]
    is_ready: Callable[[], bool]
    environ: Mapping[str, str] = field(default_factory=dict)
    serves: tuple[str, ...] = ()
    user: str | None = None
    probes: str | None = None
    show_log_on_crash: bool = False

    @property
    def services(self) -> tuple[str, ...]:
        """The names under which `stack.json` lists the process."""
        return self.serves or (self.name,)
