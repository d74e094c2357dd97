"""Python clients that openapi-python-client makes can be imported, and post events to a collector."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest

from avro_schemas.event_types import event_type_names
from avro_schemas.wire.codec import decode
from service_kit.kafka.settings import KafkaSettings
from tests.clients import DOCUMENTS, Environment, write_documents
from tests.support.topics import read_all
from tests.support.workers import Worker

KEY = "a session key of thirty-two characters"
BACKEND_KEY = "a-key-of-a-backend-with-32-characters"
HERE = Path(__file__).parent
# Reads what the generator made: a class that is referred to and was not written fails at import.
IMPORT_ALL = """
import importlib, json, pkgutil, sys
package = importlib.import_module(sys.argv[1])
names = [each.name for each in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]
print(json.dumps([importlib.import_module(name).__name__ for name in names]))
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment.create(tmp_path_factory.mktemp("clients") / "environment")


@pytest.fixture(scope="module")
def packages(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a generated package for each document."""
    folder = tmp_path_factory.mktemp("generated")
    write_documents(folder)
    for name in DOCUMENTS:
        said = environment.generate(folder / f"{name}.json", folder / name)
        # It posts JSON as application/json, and leaves the second way out.
        faults = said.count("WARNING") - said.count("Unsupported content type text/plain")
        assert faults == 0, said
    return folder


def started_collector(settings: KafkaSettings, folder: Path) -> Worker:
    """A collector that knows sessions and a backend."""
    worker = Worker(
        "producer_api",
        folder / "collector.log",
        port="PORT",
        kafka_bootstrap=settings.kafka_bootstrap,
        topic_prefix=settings.topic_prefix,
        hash_key="a hash key for tests",
        session_key=KEY,
        backend_keys=f"shop={BACKEND_KEY}",
        host="127.0.0.1",
    )
    worker.start()
    return worker


@pytest.fixture
def collector(settings: KafkaSettings, tmp_path: Path) -> Iterator[Worker]:
    worker = started_collector(settings, tmp_path)
    yield worker
    worker.end()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_module_of_a_generated_client_can_be_imported(
    environment: Environment, packages: Path, tmp_path: Path, name: str
) -> None:
    program = tmp_path / "import_all.py"
    program.write_text(IMPORT_ALL)
    imported = environment.run(program, packages, name)
    operations = [operation for path in DOCUMENTS[name]["paths"].values() for operation in path.values()]
    modules = [each for each in imported if each.startswith(f"{name}.api.") and each.count(".") == 3]
    assert len(modules) == len(operations)


@pytest.mark.integration
async def test_a_generated_client_posts_one_event_a_list_and_an_envelope(
    environment: Environment, packages: Path, collector: Worker, settings: KafkaSettings
) -> None:
    token = jwt.encode({"sub": "ann", "exp": time.time() + 600}, KEY)
    url = f"http://127.0.0.1:{collector.port}"
    answers: dict[str, Any] = environment.run(HERE / "post_events.py", packages, url, token, BACKEND_KEY)
    statuses = {name: status for name, (status, _body) in answers.items()}
    assert statuses == {
        "single": 200,
        "list": 200,
        "envelope": 200,
        "rejected": 400,
        "forbidden": 403,
        "types": 200,
    }
    bodies = {name: body for name, (_status, body) in answers.items()}
    assert bodies["single"]["event_id"].startswith("evt_")
    assert [each["status"] for each in bodies["list"]["results"]] == ["accepted", "accepted", "rejected"]
    assert [error["code"] for error in bodies["rejected"]["errors"]] == ["too_long"]
    assert [error["code"] for error in bodies["forbidden"]["errors"]] == ["session_invalid"]
    assert {each["event_type"] for each in bodies["types"]["event_types"]} == event_type_names()
    await published_events_are(settings)


async def published_events_are(settings: KafkaSettings) -> None:
    records = await read_all(settings.kafka_bootstrap, settings.name("events"))
    events = [decode(record.value)[1] for record in records]
    shown = sorted((event["event_type"], event["user_key"]) for event in events)
    ann = {key for event_type, key in shown if event_type == "page_view"}
    assert [event_type for event_type, _key in shown] == ["button_click"] * 2 + ["page_view"] * 2
    assert len(ann) == 1
    assert len({key for _event_type, key in shown}) == 2  # ann and bob
    clicks = [event for event in events if event["event_type"] == "button_click"]
    assert json.loads(clicks[0]["event_data"]["properties"]) == {"plan": "team", "seats": 3, "trial": None}
    # That of the envelope has a context.
    assert {(event["site"], event["release"]) for event in clicks} == {("default", None), ("shop", "7")}
