"""This installation as subscribers see it: its topics under their names on the cluster, its brokers, its URL."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from avro_schemas.topic import Topic, all_topics
from registry.settings import Settings

# What a request may name as its host.
_HOST = re.compile(r"[A-Za-z0-9.-]+(:\d+)?|\[[0-9A-Fa-f:.]+\](:\d+)?")
PATH = "/registry"


@dataclass(frozen=True, slots=True)
class Brokers:
    """The brokers as subscribers reach them."""

    addresses: tuple[str, ...] = ("localhost:9092",)
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = "SCRAM-SHA-512"

    @property
    def bootstrap(self) -> str:
        """What clients connect to first."""
        return ",".join(self.addresses)

    @property
    def uses_tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.security_protocol.endswith("SSL")

    @property
    def uses_sasl(self) -> bool:
        """Whether clients sign in with a user name and a password."""
        return self.security_protocol.startswith("SASL")


@dataclass(frozen=True, slots=True)
class Installation:
    """`public_url` is empty if only requests say where it is reached."""

    topics: Mapping[str, Topic]
    brokers: Brokers = field(default_factory=Brokers)
    public_url: str = ""

    def registry_url(self, scheme: str = "", host: str = "") -> str:
        """The URL of the registry, for a request with this scheme and host."""
        base = self.public_url or (f"{scheme}://{host}" if _HOST.fullmatch(host) else "")
        return base + PATH


def installation(settings: Settings) -> Installation:
    """What the settings say."""
    bootstrap = settings.public_kafka_bootstrap or settings.kafka_bootstrap
    return Installation(
        topics=public_topics(settings.event_topics.event_topics, settings.topic_prefix),
        brokers=Brokers(
            tuple(address.strip() for address in bootstrap.split(",") if address.strip()),
            settings.public_kafka_security_protocol or settings.kafka_security_protocol,
            settings.public_kafka_sasl_mechanism or settings.kafka_sasl_mechanism,
        ),
        public_url=settings.url.base,
    )


def public_topics(event_types: tuple[str, ...] = (), prefix: str = "") -> dict[str, Topic]:
    """The topics that have records of the contract, by their names on the cluster."""
    return {
        prefix + topic.name: replace(topic, name=prefix + topic.name)
        for topic in all_topics(event_types).values()
        if topic.schemas
    }
