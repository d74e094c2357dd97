"""Background work that ends unexpectedly ends the process, with a line in the log."""

import ast
import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from service_kit import background
from service_kit.background import Background, BackgroundThread, watched

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "avro_schemas",
    "service_kit",
    "producer_api",
    "stream_app",
    "sinks",
    "dashboard",
    "registry",
    "footfall",
)
# What starts work beside the caller.
STARTERS = {"create_task", "ensure_future", "Thread", "Timer", "start_soon", "add_future"}
# Where else than in `service_kit/background.py`, and who notices its end.
AWAITED = {
    ("service_kit/sessions/jwks.py", "_current_fetch"): "the refresh awaits it, and it catches everything",
    ("service_kit/sessions/fetch.py", "fetch"): "a timer that only ends a socket",
    ("producer_api/storage/spool.py", "_go_direct"): "its result is passed on to the request that waits",
    ("producer_api/storage/spool.py", "_replay_chunk"): "awaited in the next line",
    ("producer_api/intake/pipeline.py", "_record_parts"): "awaited together, below",
    ("sinks/landing/loop.py", "_step"): "awaited by the next step",
    ("sinks/landing/loop.py", "_call_store"): "awaited below",
    ("sinks/__main__.py", "_run_all"): "awaited below; the first error ends the process",
    (
        "dashboard/columns/together.py",
        "ask",
    ): "awaited in the next lines, or logged by nobody: its reader has left",
    ("dashboard/history/answer.py", "__init__"): "its end is a change, for which the page waits",
    ("dashboard/history/answer.py", "unless_gone"): "awaited below",
    (
        "dashboard/history/service.py",
        "_answered",
    ): "awaited below; what it raises after another error is that error again",
    ("footfall/local/http_apps.py", "__aenter__"): "awaited by the exchange of messages, and at the end",
    ("footfall/commands/demo.py", "run"): "a task group awaits it",
}


@pytest.fixture
def stops(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """An entry per time that the process would have stopped."""
    noted = list[bool]()
    monkeypatch.setattr(background, "stop_process", lambda: noted.append(True))
    return noted


async def raises() -> None:
    raise LookupError


async def returns() -> None:
    pass


async def is_cancelled() -> None:
    raise asyncio.CancelledError


@pytest.mark.parametrize("work", [raises, returns, is_cancelled])
async def test_a_task_that_ends_stops_the_process_and_is_logged(
    stops: list[bool], caplog: pytest.LogCaptureFixture, work: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    tasks = Background()
    tasks.start("the work", work())
    await asyncio.sleep(0.01)
    assert (tasks.ended, stops) == (["the work"], [True])
    assert "the work ended unexpectedly" in caplog.text
    assert ("LookupError" in caplog.text) == (work is raises)
    await tasks.stop()


async def test_a_task_that_is_stopped_stops_nothing(stops: list[bool]) -> None:
    tasks = Background()
    tasks.start("the work", asyncio.Event().wait())  # type: ignore[arg-type] # its result does not matter
    await asyncio.sleep(0)
    await tasks.stop()
    assert (tasks.ended, stops) == ([], [])


async def loses_the_first_cancellation(rounds: list[bool]) -> None:
    """As `asyncio.wait_for` of Python 3.11 does, when what it waits for fails in the same moment."""
    while not background.is_cancelled():
        rounds.append(True)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)


async def never_looks(rounds: list[bool]) -> None:
    while len(rounds) < 3:
        rounds.append(True)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)


@pytest.mark.parametrize(("work", "expected"), [(loses_the_first_cancellation, 1), (never_looks, 3)])
async def test_a_task_whose_cancellation_a_library_loses_ends_nevertheless(
    monkeypatch: pytest.MonkeyPatch, work: Callable[[list[bool]], Coroutine[Any, Any, None]], expected: int
) -> None:
    monkeypatch.setattr(background, "_CANCEL_AGAIN_SECONDS", 0.01)
    tasks, rounds = Background(), list[bool]()
    tasks.start("the work", work(rounds))
    await asyncio.sleep(0)
    await tasks.stop()
    assert len(rounds) == expected


@pytest.mark.parametrize("work", [lambda: None, lambda: 1 / 0])
def test_a_thread_that_ends_stops_the_process(stops: list[bool], work: Callable[[], None]) -> None:
    thread = BackgroundThread("the thread", work)
    thread.start()
    thread.join()
    assert stops == [True]
    expected = BackgroundThread("the thread", work)
    expected.stop_expected()
    expected.start()
    expected.join()
    assert stops == [True]


@pytest.mark.parametrize("work", [raises, returns, is_cancelled])
async def test_work_in_a_task_of_another_framework_is_watched(
    stops: list[bool], work: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    await watched("the work", work(), may_end=lambda: False, on_end=background.stop_process)
    assert stops == [True]


async def test_watched_work_may_be_cancelled_at_the_end(stops: list[bool]) -> None:
    with pytest.raises(asyncio.CancelledError):
        await watched("the work", is_cancelled(), may_end=lambda: True, on_end=background.stop_process)
    await watched("the work", returns(), may_end=lambda: True, on_end=background.stop_process)
    assert stops == []


def test_the_process_really_ends_also_if_it_ignores_the_signal() -> None:
    program = (
        "import asyncio, signal; from service_kit import background; background._STOP_SECONDS = 0.2;"
        "{ignore}"
        "tasks = background.Background();"
        "main = asyncio.Runner();"
        "work = lambda: asyncio.sleep(0);"
        "main.get_loop().call_soon(lambda: tasks.start('work', work()));"
        "main.run(asyncio.sleep(60))"
    )
    for ignore, code in (("", -15), ("signal.signal(signal.SIGTERM, signal.SIG_IGN);", background.EXIT_FAILED)):
        ran = subprocess.run(
            [sys.executable, "-c", program.format(ignore=ignore)],
            cwd=ROOT,
            capture_output=True,
            check=False,
            timeout=50,
        )
        assert ran.returncode == code, ran.stderr


def test_no_work_is_started_unwatched() -> None:
    found = set()
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            if name != "service_kit/background.py":
                found |= {(name, function) for function in starting_functions(ast.parse(path.read_text()))}
    assert found == AWAITED.keys(), "start it with service_kit.background, or say here who notices its end"


def starting_functions(tree: ast.Module) -> set[str]:
    """The functions that start tasks or threads, and the classes that are threads."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and any(called(base) == "Thread" for base in node.bases):
            found.add(node.name)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            calls = [each for each in ast.walk(node) if isinstance(each, ast.Call)]
            if any(called(call.func) in STARTERS for call in calls):
                found.add(node.name)
    return found


def called(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
