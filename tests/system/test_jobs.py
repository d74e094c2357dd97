"""The jobs of the chart and of Compose, on a running stack."""

import subprocess
import sys

import pytest

from tests.system.stack import Stack

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]


def run(stack: Stack, *command: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    state = stack.state
    found = {
        "FOOTFALL_URL": stack.url,
        "FOOTFALL_KAFKA_BOOTSTRAP": state["kafka"],
        "FOOTFALL_POSTGRES_DSN": state["postgres"],
    }
    environ = stack.environ | found | settings
    return subprocess.run(
        [sys.executable, "-m", *command], env=environ, capture_output=True, text=True, timeout=60, check=False
    )


def test_existing_topics_are_left_alone(stack: Stack) -> None:
    ran = run(stack, "footfall.jobs.topics")
    assert ran.returncode == 0, ran.stderr
    assert "topic exists" in ran.stderr
    assert "created" not in ran.stderr


def test_topics_that_nobody_creates_are_waited_for_and_then_reported(stack: Stack) -> None:
    settings = {
        "FOOTFALL_TOPIC_PREFIX": "elsewhere-",
        "FOOTFALL_CREATE_TOPICS": "false",
        "FOOTFALL_WAIT_TIMEOUT_SECONDS": "1",
    }
    ran = run(stack, "footfall.jobs.topics", **settings)
    assert ran.returncode == 1
    assert "topic is missing" in ran.stderr


def test_topics_are_created_with_the_options_of_the_cluster(stack: Stack) -> None:
    settings = {
        "FOOTFALL_TOPIC_PREFIX": "layout-",
        "FOOTFALL_TOPIC_PARTITIONS": "3",
        "FOOTFALL_TOPIC_MIN_INSYNC_REPLICAS": "1",
    }
    assert "topic created" in run(stack, "footfall.jobs.topics", **settings).stderr
    assert "differs" not in run(stack, "footfall.jobs.topics", **settings).stderr
    # Their description says twelve, but three may be on purpose.
    assert (
        "3 partitions instead of 12" in run(stack, "footfall.jobs.topics", FOOTFALL_TOPIC_PREFIX="layout-").stderr
    )


def test_the_smoke_test_finds_the_row_of_its_event(stack: Stack) -> None:
    ran = run(stack, "footfall.jobs.smoke_test", FOOTFALL_SESSION_KEY="")
    assert ran.returncode == 0, ran.stderr
    assert "was accepted" in ran.stdout
    assert "a row in Postgres" in ran.stdout


def test_a_rejected_event_is_reported_with_the_response(stack: Stack) -> None:
    ran = run(stack, "footfall.jobs.smoke_test", FOOTFALL_BACKEND_KEYS="shop=" + "x" * 40)
    assert ran.returncode == 1
    assert "403" in ran.stderr
    assert "backend_key_invalid" in ran.stderr
