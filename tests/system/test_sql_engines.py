"""SQL engines read the mixed topic of a running stack as one table, with the commands of registry/samples/README.md."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from avro_schemas.event_types import describe_event_types
from tests.system.stack import Stack

SAMPLES = Path(__file__).parents[2] / "registry" / "samples"

pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(900),
    pytest.mark.skipif("SQL_ENGINES" not in os.environ, reason="downloads 200 MB and takes minutes: make sql"),
]


@pytest.fixture(scope="module")
def busy(stack: Stack) -> Stack:
    """A stack with an event of every type."""
    answer = stack.post([each["example"] for each in describe_event_types()])
    assert answer.status_code == 200, answer.text
    assert answer.json()["success"], answer.text
    return stack


def run(stack: Stack, folder: Path, *command: str | Path) -> str:
    """What a sample prints that reads from the stack."""
    environ = os.environ | {"BOOTSTRAP": stack.state["kafka"], "REGISTRY": f"{stack.url}/registry"}
    ran = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.skipif(not shutil.which("mvn"), reason="mvn is not installed")
def test_flink_sql(busy: Stack, tmp_path: Path) -> None:
    folder = shutil.copytree(SAMPLES / "flink", tmp_path / "flink", ignore=shutil.ignore_patterns("jars"))
    subprocess.run(["mvn", "-q", "dependency:copy-dependencies", "-DoutputDirectory=jars"], cwd=folder, check=True)
    printed = run(busy, folder, "java", "-cp", "jars/*", "Run.java", "events.sql")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in printed.splitlines() if line[:1] == "|"
    ]
    assert {row[0] for row in rows} >= {each["event_type"] for each in describe_event_types()}
    assert ["/dashboard", "desktop", "/login"] in rows
    assert ["LCP", "1234.5", "/dashboard"] in rows
    assert ["export_data", "1.5", "CO", '["name","total"]'] in rows


def test_clickhouse(busy: Stack, tmp_path: Path) -> None:
    uv, python = Path(sys.executable).with_name("uv"), tmp_path / "environment" / "bin" / "python"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, tmp_path / "environment"], check=True)
    install = [uv, "pip", "install", "--quiet", "--python", python, "chdb", "aiokafka", "cramjam"]
    subprocess.run(install, check=True)
    printed = run(busy, tmp_path, python, SAMPLES / "clickhouse" / "events.py")
    rows = [json.loads(line) for line in printed.splitlines() if line]
    counted = {row["event_type"] for row in rows if "event_type" in row}
    assert counted >= {each["event_type"] for each in describe_event_types()}
    assert {"page": "/dashboard", "device": "desktop"} in rows
    assert {"metric": "LCP", "value": 1234.5} in rows
    assert {"feature": "export_data", "seconds": 1.5, "country": "CO"} in rows
