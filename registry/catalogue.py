"""The catalogue, in HTML: every topic with its records, and samples that read it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from avro_schemas.schema import Schema, by_id, latest
from avro_schemas.topic import Topic
from avro_schemas.wire.codec import PREFIX_SIZE
from registry.installation import Installation
from service_kit.page_header import STYLES, page_header

_HERE = Path(__file__).parent
_SAMPLES = {
    "Python, confluent-kafka": "python/confluent_kafka_consumer.py",
    "Python, aiokafka and fastavro": "python/aiokafka_consumer.py",
    "JavaScript, kafkajs": "javascript/kafkajs.mjs",
    "Java, kafka-clients": "java/Consumer.java",
}
_SECURITY = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"}
_DAY_MS, _HOUR_MS = 86_400_000, 3_600_000


@dataclass(frozen=True, slots=True)
class FieldRow:
    """A field of a record, or of a record inside it; `path` has all names."""

    path: str
    kind: str
    doc: str


def add_catalogue(app: FastAPI, here: Installation) -> None:
    """Add the routes `/catalogue` and `/catalogue/TOPIC`."""
    pages = Environment(loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined)
    pages.filters["tojson_pretty"] = _pretty
    pages.globals["header_styles"] = Markup(STYLES)  # a constant

    @app.get("/catalogue", include_in_schema=False)
    async def topics_page() -> HTMLResponse:
        shown = list(here.topics.values())
        header = _header("/catalogue")
        page = pages.get_template("catalogue.html").render(topics=shown, retention=retention, page_header=header)
        return HTMLResponse(page, headers=_SECURITY)

    @app.get("/catalogue/{name}", include_in_schema=False)
    async def topic_page(name: str, request: Request) -> HTMLResponse:
        topic = here.topics.get(name)
        if topic is None:
            raise HTTPException(404, f"There is no topic {name}; /catalogue lists them all.")
        url = here.registry_url(request.url.scheme, request.headers.get("host", ""))
        page = pages.get_template("topic.html").render(
            topic=topic,
            page_header=_header(f"/catalogue/{topic.name}"),
            retention=retention,
            records=[latest()[schema] for schema in topic.schemas],
            rows=field_rows,
            versions=_versions,
            brokers=here.brokers,
            prefix_size=PREFIX_SIZE,
            samples={
                title: sample(path, topic.name, here.brokers.bootstrap, url) for title, path in _SAMPLES.items()
            },
        )
        return HTMLResponse(page, headers=_SECURITY)


def _header(path: str) -> Markup:
    return Markup(page_header(path))  # escaped there


def retention(topic: Topic) -> str:
    """How long records are retained, in words."""
    policy = topic.config["cleanup.policy"].split(",")
    words = ["the newest record of each key"] if "compact" in policy else []
    if "delete" in policy:
        ms = int(topic.config["retention.ms"])
        number, unit = (ms // _DAY_MS, "day") if ms % _DAY_MS == 0 else (ms // _HOUR_MS, "hour")
        words.append(f"{number} {unit}{'' if number == 1 else 's'}")
    return ", for ".join(words)


def field_rows(definition: dict[str, Any], above: str = "") -> list[FieldRow]:
    """Every field of a record, those of records inside it included."""
    rows = []
    for field in definition["fields"]:
        path, kind = f"{above}{field['name']}", field["type"]
        rows.append(FieldRow(path, describe_type(kind), field["doc"]))
        for inner in kind if isinstance(kind, list) else [kind]:
            if isinstance(inner, dict) and inner["type"] == "record":
                rows += field_rows(inner, f"{path}.")
    return rows


def describe_type(kind: Any) -> str:
    """An Avro type in words."""
    match kind:
        case str():
            return kind
        case list():
            return " or ".join(describe_type(branch) for branch in kind)
        case {"logicalType": logical, "type": plain}:
            return f"{plain} ({logical})"
        case {"type": "enum", "symbols": symbols}:
            return f"one of {', '.join(symbols)}"
        case {"type": "map", "values": values}:
            return f"map of {describe_type(values)}"
        case {"type": "array", "items": items}:
            return f"list of {describe_type(items)}"
        case {"type": "record", "name": name}:
            return f"record {name}"
        case {"type": plain}:
            return str(plain)
    raise NotImplementedError(kind)


def sample(path: str, topic: str, bootstrap: str, registry_url: str) -> str:
    """The text of a sample, changed to read this topic from these brokers."""
    text = (_HERE / "samples" / path).read_text().replace('"events"', f'"{topic}"')
    return text.replace("localhost:9092", bootstrap).replace("http://localhost:3000/registry", registry_url)


def _versions(schema: Schema) -> list[Schema]:
    return [each for each in by_id().values() if each.name == schema.name]


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
