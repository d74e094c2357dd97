"""Settings of the registry. It connects to nothing: what it knows of Kafka is for its documents."""

from dataclasses import dataclass, field
from typing import Literal

from avro_schemas.installed import HELP as CONTRACT_HELP
from avro_schemas.installed import OwnContract
from service_kit.event_topics import EventTopicsSettings
from service_kit.kafka.settings import SaslMechanism, SecurityProtocol
from service_kit.public_url import PublicUrlSettings
from service_kit.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    contract: OwnContract | None = setting(None, help=CONTRACT_HELP)
    host: str = setting("0.0.0.0", help="Host to listen on when served alone.")
    port: int = setting(8081, help="Port to listen on when served alone.", minimum=1, maximum=65535)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = setting("INFO", help="Lowest level to log.")
    url: PublicUrlSettings = field(default_factory=PublicUrlSettings)
    event_topics: EventTopicsSettings = field(default_factory=EventTopicsSettings)
    topic_prefix: str = setting("", help="Text in front of every topic and group name on a shared cluster.")
    kafka_bootstrap: str = setting("localhost:9092", help="The brokers, as host:port,host:port.")
    kafka_security_protocol: SecurityProtocol = setting("PLAINTEXT", help="How to talk to the brokers.")
    kafka_sasl_mechanism: SaslMechanism = setting("SCRAM-SHA-512", help="How to sign in with SASL.")
    public_kafka_bootstrap: str | None = setting(
        None, help="The brokers as subscribers reach them, if that differs from FOOTFALL_KAFKA_BOOTSTRAP."
    )
    public_kafka_security_protocol: SecurityProtocol | None = setting(
        None, help="How subscribers talk to the brokers, if that differs from FOOTFALL_KAFKA_SECURITY_PROTOCOL."
    )
    public_kafka_sasl_mechanism: SaslMechanism | None = setting(
        None, help="How subscribers sign in, if that differs from FOOTFALL_KAFKA_SASL_MECHANISM."
    )
