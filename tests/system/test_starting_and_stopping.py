"""However `footfall up` ends, the next start finds and stops whatever is left of it."""

import os
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tests.system.stack import FOOTFALL, Stack, until

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]


def test_after_a_kill_the_next_start_stops_the_orphans_and_keeps_the_data(empty_stack: Stack) -> None:
    stack = empty_stack
    event_id = stack.post({"event_type": "click", "event_data": {}}).json()["event_id"]
    rows = "select event_id from events"
    assert until(lambda: stack.query(rows), lambda found: found == [(event_id,)], seconds=60) == [(event_id,)]
    before = {service["pid"] for service in stack.state["services"].values()}

    assert stack.process
    os.kill(stack.process.pid, signal.SIGKILL)
    stack.process.wait()
    assert all(psutil.pid_exists(pid) for pid in before)

    stack.output.write_text("")
    stack.start()
    assert "left behind" in stack.output.read_text()
    assert not any(psutil.pid_exists(pid) for pid in before)
    assert stack.query(rows) == [(event_id,)]
    assert stack.live("total") == {"click": 1}

    took = stack.stop(signal.SIGTERM)
    assert took < 12
    assert stack.left_over() == []

    # --fresh starts empty.
    stack.output.write_text("")
    stack.start("--fresh")
    assert stack.query("select count(*) from raw_events") == [(0,)]


def test_it_stops_in_order_even_if_its_output_is_no_longer_read(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "data")
    process = subprocess.Popen([FOOTFALL, "up"], env=stack.environ, stdout=subprocess.PIPE)
    try:
        assert process.stdout
        process.stdout.readline()
        process.stdout.close()
        assert until(lambda: stack.get("/readyz").status_code, (200).__eq__, seconds=60) == 200
        stack.kill("sinks")  # so that it writes a line
        time.sleep(1)
        process.terminate()
        assert process.wait(15) == 0
        assert stack.left_over() == []
    finally:
        process.kill()
        for left in stack.left_over():
            left.kill()


def test_two_stacks_that_start_together_do_not_take_each_others_ports(tmp_path: Path) -> None:
    stacks = [Stack(tmp_path / name) for name in ("one", "other")]
    try:
        with ThreadPoolExecutor() as starting:
            list(starting.map(Stack.start, stacks))
        for stack in stacks:
            assert stack.post({"event_type": "click", "event_data": {}}).status_code == 200
        for stack in stacks:
            assert until(stack.rows_by_type, {"click": 1}.__eq__, seconds=60) == {"click": 1}
    finally:
        for stack in stacks:
            if stack.process:
                stack.stop(signal.SIGTERM)


def test_a_configured_port_that_is_in_use_is_reported(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "data")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", stack.port))
        taken.listen()
        ran = subprocess.run(
            [FOOTFALL, "up"], env=stack.environ, capture_output=True, text=True, timeout=30, check=False
        )
    assert ran.returncode == 1
    assert f"Port {stack.port} (FOOTFALL_PORT) is in use" in ran.stdout


def test_an_invalid_setting_is_reported(tmp_path: Path) -> None:
    environ = Stack(tmp_path / "data").environ | {"FOOTFALL_PORT": "eighty"}
    ran = subprocess.run([FOOTFALL, "up"], env=environ, capture_output=True, text=True, timeout=30, check=False)
    assert ran.returncode == 2
    assert "FOOTFALL_PORT must be a whole number" in ran.stdout


def test_the_command_line_answers_quickly() -> None:
    subprocess.run([FOOTFALL, "--help"], capture_output=True, check=True)
    started = time.monotonic()
    listed = subprocess.run([FOOTFALL, "--help"], capture_output=True, text=True, check=True)
    assert time.monotonic() - started < 5  # docs/performance.md has the real figure
    assert "explain" in listed.stdout
