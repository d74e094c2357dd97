"""The registry's JavaScript clients, unchanged and from npm, ask it what producers, consumers and consoles ask."""

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from avro_schemas.schema import by_id, latest
from tests.npm import NODE, install_shared
from tests.support.events import encoded, event
from tests.support.registry_server import registry_server

SAMPLES = Path(__file__).parents[2] / "registry" / "samples" / "javascript"
PAGE_VIEW = latest()["page_view"]
RECORD = "footfall.PageView"
PAGE = "/subscribers"

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

CONFLUENTINC = """
import { AvroDeserializer, AvroSerializer, SchemaRegistryClient, SerdeType } from "@confluentinc/schemaregistry";
const client = new SchemaRegistryClient({ baseURLs: [process.env.REGISTRY] });
const schema = { schema: process.env.SCHEMA, schemaType: "AVRO" };
const code = (call) => call.then(() => "no error", (error) => error.errorCode ?? String(error));
const subject = process.env.SUBJECT;
const settings = { useLatestVersion: true, subjectNameStrategy: () => subject };
const value = Buffer.from(process.env.VALUE, "base64");
const deserializer = new AvroDeserializer(client, SerdeType.VALUE, settings);
const serializer = new AvroSerializer(client, SerdeType.VALUE, { autoRegisterSchemas: false, ...settings });
const decoded = await deserializer.deserialize("events", value);
console.log(JSON.stringify({
  decoded,
  encoded: (await serializer.serialize("events", decoded)).toString("base64"),
  id: await client.getId(subject, schema),
  registered: await client.register(subject, schema, true),
  version: await client.getVersion(subject, schema, true),
  latest: (await client.getLatestSchemaMetadata(subject)).id,
  versions: await client.getAllVersions(subject),
  subjects: await client.getAllSubjects(),
  level: await client.getCompatibility(subject),
  compatible: await client.testSubjectCompatibility(subject, schema),
  text: (await client.getBySubjectAndId(subject, Number(process.env.ID))).schema,
  unknown: await code(client.getLatestSchemaMetadata("nobody")),
  new: await code(client.register(subject, { schema: '"string"' })),
  json: await code(client.register(subject, { schema: "{}", schemaType: "JSON" })),
  level_set: await code(client.updateCompatibility(subject, "NONE")),
  deleted: await code(client.deleteSubject(subject)),
}));
process.exit(0);
"""

KAFKAJS = """
import { SchemaRegistry } from "@kafkajs/confluent-schema-registry";
const registry = new SchemaRegistry({ host: process.env.REGISTRY });
const schema = JSON.parse(process.env.SCHEMA);
const code = (call) => call.then(() => "no error", (error) => error.status ?? String(error));
const subject = process.env.SUBJECT;
console.log(JSON.stringify({
  id: await registry.getRegistryIdBySchema(subject, schema),
  registered: (await registry.register(schema, { subject, compatibility: "FULL_TRANSITIVE" })).id,
  latest: await registry.getLatestSchemaId(subject),
  by_version: await registry.getRegistryId(subject, 1),
  unknown: await code(registry.getLatestSchemaId("nobody")),
  new: await code(registry.register({ type: "record", name: "A", namespace: "b", fields: [] }, { subject: "b.A" })),
}));
"""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with registry_server() as address:
        yield address


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory, shared_folder: Path) -> Path:
    """A folder with the clients that the samples name."""
    return install_shared(tmp_path_factory.mktemp("clients"), shared_folder, SAMPLES).parent


def run(folder: Path, script: str, url: str, subject: str) -> dict[str, Any]:
    (folder / "client.mjs").write_text(script)
    reordered = json.dumps(dict(reversed(PAGE_VIEW.definition.items())))
    value = base64.b64encode(encoded(event("page_view", event_data={"page": PAGE}))).decode()
    environ = {"VALUE": value, "REGISTRY": url, "SUBJECT": subject, "SCHEMA": reordered, "ID": str(PAGE_VIEW.id)}
    ran = subprocess.run(
        [NODE, "client.mjs"], cwd=folder, env=os.environ | environ, capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    printed: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return printed


@pytest.mark.parametrize("subject", [RECORD, f":.:{RECORD}"])
def test_confluents_client(clients: Path, url: str, subject: str) -> None:
    found = run(clients, CONFLUENTINC, url, subject)
    assert {found[name] for name in ("id", "registered", "latest")} == {PAGE_VIEW.id}
    assert found["version"] in found["versions"]
    assert RECORD in found["subjects"]
    assert (found["level"], found["compatible"], found["text"]) == ("FULL_TRANSITIVE", True, PAGE_VIEW.text)
    assert found["decoded"]["event_data"]["page"] == PAGE
    assert base64.b64decode(found["encoded"])[:5] == PAGE_VIEW.prefix
    assert (found["unknown"], found["new"], found["json"]) == (40401, 42205, 42201)
    assert (found["level_set"], found["deleted"]) == (42205, 42205)


def test_the_client_of_kafkajs(clients: Path, url: str) -> None:
    found = run(clients, KAFKAJS, url, RECORD)
    assert {found[name] for name in ("id", "registered", "latest")} == {PAGE_VIEW.id}
    assert found["by_version"] in by_id()
    assert (found["unknown"], found["new"]) == (404, 422)
