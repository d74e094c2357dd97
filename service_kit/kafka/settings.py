"""How to connect to Kafka and sign in, and the names on the cluster."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from service_kit.kafka.oauth_settings import OAuthSettings
from service_kit.settings import Secret, setting

OAUTHBEARER = "OAUTHBEARER"
SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSettings:
    kafka_bootstrap: str = setting(help="Kafka brokers to connect to first, as host:port,host:port.")
    topic_prefix: str = setting("", help="Text in front of every topic and group name on a shared cluster.")
    kafka_security_protocol: SecurityProtocol = setting("PLAINTEXT", help="How to talk to the brokers.")
    kafka_sasl_mechanism: SaslMechanism = setting("SCRAM-SHA-512", help="How to sign in with SASL.")
    kafka_sasl_username: str | None = setting(None, help="The user for SASL.")
    kafka_sasl_password: Secret | None = setting(None, help="The password for SASL.")
    kafka_ssl_ca: Path | None = setting(None, help="PEM file of the authorities that sign the brokers.")
    kafka_ssl_certificate: Path | None = setting(None, help="PEM file of the client's certificate (mTLS).")
    kafka_ssl_key: Path | None = setting(None, help="PEM file of the client's private key (mTLS).")
    oauth: OAuthSettings = field(default_factory=OAuthSettings)

    def __post_init__(self) -> None:
        """Raise ValueError for settings that contradict each other."""
        if self.uses_oauth:
            self.oauth.check()
        elif self.uses_sasl and not (self.kafka_sasl_username and self.kafka_sasl_password):
            raise ValueError(
                f"FOOTFALL_KAFKA_SECURITY_PROTOCOL={self.kafka_security_protocol} needs"
                " FOOTFALL_KAFKA_SASL_USERNAME and FOOTFALL_KAFKA_SASL_PASSWORD."
            )

    @property
    def uses_sasl(self) -> bool:
        """Whether clients sign in by SASL."""
        return self.kafka_security_protocol.startswith("SASL")

    @property
    def uses_oauth(self) -> bool:
        """Whether they sign in with OAuth tokens."""
        return self.uses_sasl and self.kafka_sasl_mechanism == OAUTHBEARER

    def name(self, topic_or_group: str) -> str:
        """The name on the cluster of one of our topics or groups."""
        return self.topic_prefix + topic_or_group

    def ssl_context(self) -> ssl.SSLContext | None:
        """The TLS context the security protocol asks for, or None."""
        if not self.kafka_security_protocol.endswith("SSL"):
            return None
        context = ssl.create_default_context(cafile=self.kafka_ssl_ca)
        if self.kafka_ssl_certificate:
            context.load_cert_chain(self.kafka_ssl_certificate, self.kafka_ssl_key)
        return context

    def client_options(self) -> dict[str, Any]:
        """Keyword arguments for any aiokafka client."""
        # Here, as services without Kafka have no aiokafka.
        from service_kit.kafka.sign_in import name_refusals
        from service_kit.kafka.topic_creation import forbid_topic_creation

        forbid_topic_creation()
        name_refusals()
        options: dict[str, Any] = {
            "bootstrap_servers": self.kafka_bootstrap,
            "security_protocol": self.kafka_security_protocol,
            "ssl_context": self.ssl_context(),
        }
        if self.uses_oauth:
            options["sasl_mechanism"] = OAUTHBEARER
            options["sasl_oauth_token_provider"] = self.oauth.token_provider()
        elif self.uses_sasl:
            password = self.kafka_sasl_password
            options["sasl_mechanism"] = self.kafka_sasl_mechanism
            options["sasl_plain_username"] = self.kafka_sasl_username
            options["sasl_plain_password"] = password.reveal() if password else None
        return options
