"""Formatting the storage of a broker."""

from pathlib import Path

import pytest

from footfall.local import jars, java
from footfall.local.kafka_storage import format_once
from footfall.local.settings import cache_folder


@pytest.fixture
def properties(tmp_path: Path) -> Path:
    text = f"process.roles=broker,controller\nnode.id=1\nlog.dirs={tmp_path / 'one'}\n"
    listeners = "listeners=PLAINTEXT://:1,CONTROLLER://:2\ncontroller.listener.names=CONTROLLER\n"
    (tmp_path / "server.properties").write_text(f"{text}{listeners}controller.quorum.voters=1@127.0.0.1:2\n")
    return tmp_path / "server.properties"


def test_kafkas_tool_runs_for_the_first_broker_alone(tmp_path: Path, properties: Path) -> None:
    run = (
        str(java.find(cache_folder(), print)),
        "-XX:TieredStopAtLevel=1",
        "-cp",
        jars.class_path(cache_folder(), print),
    )
    features = tmp_path / "features"
    format_once(tmp_path / "one", properties, run, features)
    for _again in range(2):
        format_once(tmp_path / "other", properties, ("false",), features)
    one, other = (_meta(tmp_path / name) for name in ("one", "other"))
    assert one.keys() == other.keys()
    assert {name for name in one if one[name] != other[name]} == {"cluster.id", "directory.id"}
    written = [(tmp_path / name / "bootstrap.checkpoint").read_bytes() for name in ("one", "other")]
    assert written[0] == written[1]


def test_what_the_tool_says_is_shown_if_it_fails(tmp_path: Path, properties: Path) -> None:
    with pytest.raises(RuntimeError, match="could not be formatted"):
        format_once(tmp_path / "one", properties, ("false",), tmp_path / "features")
    assert not (tmp_path / "features").exists()


def _meta(folder: Path) -> dict[str, str]:
    lines = (folder / "meta.properties").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
