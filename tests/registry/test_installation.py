"""The documents and subjects name the topics, brokers and URL of the installation that serves them."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from avro_schemas.schema import latest
from avro_schemas.topic import COPY_HEADERS, EVENT_HEADERS
from registry.app import build_app
from registry.settings import Settings
from service_kit.settings import load

Json = dict[str, Any]
SETTINGS = {
    "FOOTFALL_EVENT_TOPICS": "page_view,click",
    "FOOTFALL_TOPIC_PREFIX": "shop.",
    "FOOTFALL_KAFKA_BOOTSTRAP": "inside:9092",
    "FOOTFALL_KAFKA_SECURITY_PROTOCOL": "PLAINTEXT",
    "FOOTFALL_PUBLIC_URL": "https://events.example.com/",
    "FOOTFALL_PUBLIC_KAFKA_BOOTSTRAP": "kafka-a.example.com:9094, kafka-b.example.com:9094",
    "FOOTFALL_PUBLIC_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "FOOTFALL_PUBLIC_KAFKA_SASL_MECHANISM": "SCRAM-SHA-256",
}


def registry(settings: Mapping[str, str], url: str = "http://registry:8081") -> httpx.AsyncClient:
    app = build_app(load(Settings, settings))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=url)


async def get(settings: Mapping[str, str], path: str, url: str = "http://registry:8081") -> Any:
    async with registry(settings, url) as client:
        answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json() if "json" in answer.headers["content-type"] else answer.text


async def test_a_topic_of_one_event_type_has_subjects_a_channel_and_a_page() -> None:
    settings = {"FOOTFALL_EVENT_TOPICS": "page_view,click"}
    subjects = await get(settings, "/subjects")
    assert {"events-page_view-value", "events-page_view-footfall.PageView"} <= set(subjects)
    assert {"events-click-value", "events-click-footfall.Custom"} <= set(subjects)
    found = await get(settings, "/subjects/events-page_view-value/versions/latest")
    assert found["id"] == latest()["page_view"].id
    document = await get(settings, "/asyncapi.json")
    channel = document["channels"]["events-page_view"]
    assert list(channel["messages"]) == ["page_view"]
    assert document["operations"]["read-events-click"]["channel"] == {"$ref": "#/channels/events-click"}
    page = await get(settings, "/catalogue/events-page_view")
    assert all(name in page for name in COPY_HEADERS)
    assert 'href="/catalogue/events-click"' in await get(settings, "/catalogue")


async def test_without_the_setting_there_is_no_such_topic() -> None:
    async with registry({}) as client:
        assert (await client.get("/subjects/events-page_view-value/versions")).status_code == 404
        assert (await client.get("/catalogue/events-page_view")).status_code == 404
        events = await client.get("/catalogue/events")
    assert all(name in events.text for name in EVENT_HEADERS)
    assert "source_offset" not in events.text


async def test_the_level_of_a_topic_of_one_type_is_that_of_its_record() -> None:
    settings = {"FOOTFALL_EVENT_TOPICS": "page_view"}
    level = await get(settings, "/config/events-page_view-value")
    assert level == {"compatibilityLevel": "FULL_TRANSITIVE"}


async def test_topics_have_the_names_that_they_have_on_the_cluster() -> None:
    subjects = set(await get(SETTINGS, "/subjects"))
    assert {"shop.events-value", "shop.events-click-value", "footfall.PageView"} <= subjects
    assert "events-value" not in subjects
    document = await get(SETTINGS, "/asyncapi.json")
    assert document["channels"]["shop.events"]["address"] == "shop.events"
    assert document["channels"]["shop.events-click"]["bindings"]["kafka"]["topic"] == "shop.events-click"
    assert "ce_type" in await get(SETTINGS, "/catalogue/shop.events")


async def test_the_document_names_the_brokers_and_the_registry() -> None:
    document = await get(SETTINGS, "/asyncapi.json")
    servers = document["servers"]
    assert [each["host"] for each in servers.values()] == ["kafka-a.example.com:9094", "kafka-b.example.com:9094"]
    assert {each["protocol"] for each in servers.values()} == {"kafka-secure"}
    urls = {each["bindings"]["kafka"]["schemaRegistryUrl"] for each in servers.values()}
    assert urls == {"https://events.example.com/registry"}
    assert document["components"]["securitySchemes"]["sasl"]["type"] == "scramSha256"
    assert servers["kafka"]["security"] == [{"$ref": "#/components/securitySchemes/sasl"}]


async def test_without_public_brokers_those_of_the_services_are_named() -> None:
    document = await get({"FOOTFALL_KAFKA_BOOTSTRAP": "inside:9092"}, "/asyncapi.json")
    (server,) = document["servers"].values()
    assert (server["host"], server["protocol"]) == ("inside:9092", "kafka")
    assert "security" not in server


async def test_with_tls_alone_a_client_certificate_may_be_asked_for() -> None:
    document = await get({"FOOTFALL_KAFKA_SECURITY_PROTOCOL": "SSL"}, "/asyncapi.json")
    assert document["servers"]["kafka"]["protocol"] == "kafka-secure"
    assert document["components"]["securitySchemes"]["certificate"]["type"] == "X509"


@pytest.mark.parametrize("url", ["http://localhost:3000", "https://10.1.2.3:8443", "http://[::1]:8081"])
async def test_without_a_public_url_the_registry_is_at_the_host_that_was_asked(url: str) -> None:
    document = await get({}, "/asyncapi.json", url)
    assert document["servers"]["kafka"]["bindings"]["kafka"]["schemaRegistryUrl"] == f"{url}/registry"


async def test_a_host_that_is_not_one_is_not_repeated() -> None:
    async with registry({}) as client:
        answer = await client.get("/asyncapi.json", headers={"host": 'x"><script>'})
        page = await client.get("/catalogue/events", headers={"host": 'x"><script>'})
    assert answer.json()["servers"]["kafka"]["bindings"]["kafka"]["schemaRegistryUrl"] == "/registry"
    assert "script>" not in page.text


@pytest.mark.parametrize("path", ["/subjects", "/schemas/types", "/", "/contexts/:.:/subjects"])
async def test_the_registry_also_answers_below_its_path_without_a_proxy_that_removes_it(path: str) -> None:
    assert await get({}, f"/registry{path}") == await get({}, path)


async def test_samples_on_a_page_read_from_this_installation() -> None:
    page = await get(SETTINGS, "/catalogue/shop.events")
    assert "kafka-a.example.com:9094,kafka-b.example.com:9094" in page
    assert "https://events.example.com/registry" in page
    assert "localhost" not in page
    assert "SASL_SSL, SCRAM-SHA-256" in page


async def test_the_openapi_document_names_the_public_url() -> None:
    assert (await get(SETTINGS, "/openapi.json"))["servers"][0]["url"] == "https://events.example.com/registry"
    assert (await get({}, "/openapi.json"))["servers"][0]["url"] == "."
