"""Where the time of a run went: its slowest files, and the time of each folder."""

from collections import defaultdict

import pytest

SLOWEST = 10
_seconds: dict[str, float] = defaultdict(float)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add the time of a test, or of its fixtures, to its file."""
    _seconds[report.nodeid.split("::", 1)[0]] += report.duration


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report them after a whole run; after one of a few files there is nothing to find."""
    folders: dict[str, float] = defaultdict(float)
    for file, seconds in _seconds.items():
        folders["/".join(file.split("/")[:2])] += seconds
    if len(folders) < 5:
        return
    terminalreporter.section("seconds of the workers")
    terminalreporter.write_line(
        ", ".join(f"{name.removeprefix('tests/')} {seconds:.0f}" for name, seconds in _by_seconds(folders))
    )
    terminalreporter.write_line("The slowest files:")
    for file, seconds in _by_seconds(_seconds)[:SLOWEST]:
        terminalreporter.write_line(f"{seconds:6.0f} {file}")


def _by_seconds(seconds: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(seconds.items(), key=lambda each: -each[1])
