"""The AsyncAPI document is valid, its schemas are Avro, and the pages agree with the contract."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import fastavro
import httpx
import jsonschema_rs
import pytest

from avro_schemas.schema import latest
from avro_schemas.topic import all_topics
from registry.app import build_app
from registry.settings import Settings
from service_kit.event_topics import EventTopicsSettings
from tests.support.registry_server import registry_client

PUBLIC = [topic for topic in all_topics().values() if topic.schemas]


@pytest.fixture
def client() -> httpx.AsyncClient:
    return registry_client()


async def asyncapi(client: httpx.AsyncClient) -> dict[str, Any]:
    async with client:
        document: dict[str, Any] = (await client.get("/asyncapi.json")).json()
    return document


@pytest.mark.parametrize(
    "settings",
    [
        Settings(),
        Settings(
            event_topics=EventTopicsSettings(event_topics=("page_view", "click")),
            kafka_bootstrap="a:9094,b:9094",
            kafka_security_protocol="SASL_SSL",
        ),
        Settings(kafka_security_protocol="SSL", topic_prefix="shop."),
    ],
    ids=["as in development", "sasl and copies", "tls and a prefix"],
)
async def test_the_document_is_what_asyncapi_3_and_its_kafka_bindings_allow(
    node_modules: Path, settings: Settings
) -> None:
    transport = httpx.ASGITransport(build_app(settings))
    document = await asyncapi(httpx.AsyncClient(transport=transport, base_url="http://registry"))
    schema = node_modules / "@asyncapi/specs/schemas/3.1.0-without-$id.json"  # a test
    validator = jsonschema_rs.Draft7Validator(json.loads(schema.read_text()))
    assert [f"{error.instance_path}: {error.message[:200]}" for error in validator.iter_errors(document)] == []
    document["channels"][f"{settings.topic_prefix}events"]["bindings"]["kafka"]["partitions"] = "twelve"
    assert not validator.is_valid(document)


async def test_every_topic_and_schema_is_in_the_document_and_the_schemas_are_avro(
    client: httpx.AsyncClient,
) -> None:
    document = await asyncapi(client)
    assert set(document["channels"]) == {topic.name for topic in PUBLIC}
    messages = document["components"]["messages"]
    assert {name: message["name"] for name, message in messages.items()} == {
        name: schema.subject for name, schema in latest().items()
    }
    for message in messages.values():
        # What checks the document knows no Avro: a misspelt type would pass it.
        fastavro.parse_schema(message["payload"]["schema"])
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document)):
        found = document
        for step in reference.split("/"):
            found = found[step]


class Page(HTMLParser):
    """A page's text and the addresses in it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.addresses: list[str] = []
        self.tags: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src", "action")]

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.mark.parametrize("topic", PUBLIC, ids=[topic.name for topic in PUBLIC])
async def test_the_page_of_a_topic_has_all_that_a_subscriber_needs(client: httpx.AsyncClient, topic: Any) -> None:
    async with client:
        listed = Page((await client.get("/catalogue")).text)
        page = Page((await client.get(f"/catalogue/{topic.name}")).text)
    assert any(address.endswith(f"catalogue/{topic.name}") for address in listed.addresses)
    assert topic.description in listed.text
    for text in (topic.description, topic.owner, topic.key, str(topic.partitions)):
        assert text in page.text
    for name in topic.schemas:
        for field in latest()[name].definition["fields"]:
            assert field["name"] in page.text
            assert field["doc"] in page.text
    for sample in ("confluent_kafka", "AIOKafkaConsumer", "kafkajs", "KafkaConsumer"):
        assert sample in page.text


@pytest.mark.parametrize("path", ["/catalogue", "/catalogue/events"])
async def test_pages_need_no_other_server_and_no_script(client: httpx.AsyncClient, path: str) -> None:
    async with client:
        answer = await client.get(path)
    page = Page(answer.text)
    assert not [address for address in page.addresses if address.startswith(("http", "//"))]
    assert not page.tags & {"script", "iframe", "img"}
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_an_unknown_topic_is_404_and_the_message_says_where_to_look(client: httpx.AsyncClient) -> None:
    async with client:
        answer = await client.get("/catalogue/no-such-topic")
    assert answer.status_code == 404
    assert "/catalogue lists them all" in answer.json()["message"]
