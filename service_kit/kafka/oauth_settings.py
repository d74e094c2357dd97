"""Where OAuth tokens for Kafka come from."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from service_kit.settings import Secret, setting

if TYPE_CHECKING:
    from service_kit.kafka.oauth import TokenProvider


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthSettings:
    kafka_oauth_token_file: Path | None = setting(None, help="File with an OAuth token; read again each time.")
    kafka_oauth_token_url: str | None = setting(None, help="OAuth token endpoint, for client credentials.")
    kafka_oauth_client_id: str | None = setting(None, help="The client at the token endpoint.")
    kafka_oauth_client_secret: Secret | None = setting(None, help="The client's secret at the token endpoint.")
    kafka_oauth_scope: str = setting("", help="The scope to ask the token endpoint for.")
    kafka_oauth_function: str | None = setting(
        None, help="Python function, as module:function, that returns an OAuth token and its lifetime in seconds."
    )

    def check(self) -> None:
        """Raise ValueError unless there is one source of tokens, and it is complete."""
        sources = (self.kafka_oauth_token_file, self.kafka_oauth_token_url, self.kafka_oauth_function)
        if sum(source is not None for source in sources) != 1:
            raise ValueError(
                "FOOTFALL_KAFKA_SASL_MECHANISM=OAUTHBEARER needs one of FOOTFALL_KAFKA_OAUTH_TOKEN_FILE,"
                " FOOTFALL_KAFKA_OAUTH_TOKEN_URL and FOOTFALL_KAFKA_OAUTH_FUNCTION."
            )
        if self.kafka_oauth_token_url and not (self.kafka_oauth_client_id and self.kafka_oauth_client_secret):
            raise ValueError(
                "FOOTFALL_KAFKA_OAUTH_TOKEN_URL needs FOOTFALL_KAFKA_OAUTH_CLIENT_ID and"
                " FOOTFALL_KAFKA_OAUTH_CLIENT_SECRET."
            )

    def token_provider(self) -> "TokenProvider":
        """Tokens for a client. Raise ImportError or AttributeError if there is no such function."""
        # Here, as services without Kafka have no aiokafka.
        from service_kit.kafka.oauth import TokenProvider, from_endpoint, from_file, from_function

        if self.kafka_oauth_token_file:
            return TokenProvider(from_file(self.kafka_oauth_token_file))
        if self.kafka_oauth_function:
            return TokenProvider(from_function(self.kafka_oauth_function))
        url, client_id = self.kafka_oauth_token_url, self.kafka_oauth_client_id
        if not (url and client_id and self.kafka_oauth_client_secret):
            raise ValueError("no source of OAuth tokens is set")
        secret = self.kafka_oauth_client_secret.reveal()
        return TokenProvider(from_endpoint(url, client_id, secret, self.kafka_oauth_scope))
