"""Run a service that kills itself, as `kill -9` would, at one point of its code.

python -m tests.kill_points SERVICE module:function before|after COUNT

The function is wrapped from outside, so the code under test knows nothing of it. The COUNTth call is the one.
"""

import functools
import importlib
import inspect
import itertools
import os
import runpy
import signal
import sys
from typing import Any


def arm(target: str, when: str, count: int) -> None:
    """Replace `module:name` or `module:Class.name` by one that kills the process."""
    module_name, _, path = target.partition(":")
    owner: Any = importlib.import_module(module_name)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    setattr(owner, name, _deadly(getattr(owner, name), when, count))


def _deadly(function: Any, when: str, count: int) -> Any:
    calls = itertools.count(1)

    def die_if(now: str) -> None:
        if now == when and next(calls) == count:
            os.kill(os.getpid(), signal.SIGKILL)

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
    service, point, moment, number = sys.argv[1:]
    arm(point, moment, int(number))
    sys.argv = [service]
    runpy.run_module(service, run_name="__main__", alter_sys=True)
