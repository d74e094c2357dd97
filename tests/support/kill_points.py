"""Run a service that kills itself, like `kill -9`, at one point of its code.

python -m tests.support.kill_points "SERVICE [ARGUMENT…]" module:function before|after COUNT [SIGSTOP]

It dies before or after the COUNTth call of the function; with SIGSTOP it freezes instead. The function is wrapped
from outside, so the code under test knows nothing of it. `tests/contracts/test_kill_points.py` checks that every
module:function that tests name exists.
"""

import functools
import importlib
import inspect
import itertools
import runpy
import signal
import sys
import threading
from typing import Any


def find(point: str) -> tuple[Any, str]:
    """The module or class of `module:function` or `module:Class.function`, and the name in it."""
    module_name, _, path = point.partition(":")
    owner: Any = importlib.import_module(module_name)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    if not callable(getattr(owner, name, None)):
        raise TypeError(f"{point} is not a function")
    return owner, name


def arm(point: str, when: str, count: int, how: signal.Signals = signal.SIGKILL) -> None:
    """Replace a function by one that kills the process, or stops it."""
    owner, name = find(point)
    setattr(owner, name, _deadly(getattr(owner, name), when, count, how))


def _deadly(function: Any, when: str, count: int, how: signal.Signals) -> Any:
    calls = itertools.count(1)

    def die_if(now: str) -> None:
        if now == when and next(calls) == count:
            # To this thread, which must not continue for a moment while another thread takes the signal.
            signal.pthread_kill(threading.get_ident(), how)

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def wrapped_async(*arguments: Any, **named: Any) -> Any:
            die_if("before")
            result = await function(*arguments, **named)
            die_if("after")
            return result

        return wrapped_async

    @functools.wraps(function)
    def wrapped(*arguments: Any, **named: Any) -> Any:
        die_if("before")
        result = function(*arguments, **named)
        die_if("after")
        return result

    return wrapped


if __name__ == "__main__":
    service, point, moment, number, *by = sys.argv[1:]
    arm(point, moment, int(number), signal.Signals[by[0]] if by else signal.SIGKILL)
    sys.argv = service.split()
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
