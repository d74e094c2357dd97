"""Signing in to Kafka by SASL, with the broker's words where it refuses: aiokafka loses them twice.

A broker answers a token that it does not take with a challenge, and says why once that is answered (RFC 7628,
3.2.3); aiokafka takes the challenge for consent, and the broker hangs up. And a client that starts says only that
no broker answers, whatever each of them said.
"""

from contextvars import ContextVar
from typing import Any

import aiokafka.conn
from aiokafka.client import AIOKafkaClient
from aiokafka.conn import AIOKafkaConnection, OAuthAuthenticator
from aiokafka.errors import KafkaConnectionError, SaslAuthenticationFailed

_CHALLENGE_ANSWER = b"\x01"
_PASSWORD_SETTINGS = "FOOTFALL_KAFKA_SASL_USERNAME and FOOTFALL_KAFKA_SASL_PASSWORD"
_TOKEN_SETTINGS = "the settings FOOTFALL_KAFKA_OAUTH_… and what the brokers expect of a token"

# What the last broker said to the client that starts in this task.
_refusal: ContextVar["SignInRefused | None"] = ContextVar("refusal", default=None)


class SignInRefused(SaslAuthenticationFailed):  # type: ignore[misc] # aiokafka is not typed
    """A broker refused password or token, or there is no token; `check` names what to look at."""

    def __init__(self, sentence: str, check: str) -> None:
        super().__init__(sentence)
        self.sentence, self.check = sentence, check

    def __str__(self) -> str:
        """Without the number and the name, which say nothing more."""
        return self.sentence


class _TokenAuthenticator(OAuthAuthenticator):  # type: ignore[misc] # as above
    _refused = False

    async def step(self, challenge: bytes | None) -> tuple[bytes, bool] | None:
        """The next bytes to send; None at the end."""
        if challenge and not self._refused:
            self._refused = True
            return _CHALLENGE_ANSWER, True
        try:
            step: tuple[bytes, bool] | None = await super().step(challenge)
        except Exception as error:
            reason = f"there is no token to sign in to Kafka with: {error or type(error).__name__}"
            raise SignInRefused(reason, _TOKEN_SETTINGS) from error
        return step


class SigningInConnection(AIOKafkaConnection):  # type: ignore[misc] # as above
    """A connection that says why it could not sign in."""

    def authenticator_oauth(self) -> _TokenAuthenticator:
        """As in aiokafka."""
        return _TokenAuthenticator(sasl_oauth_token_provider=self._sasl_oauth_token_provider)

    async def _do_sasl_handshake(self) -> None:
        try:
            await super()._do_sasl_handshake()
        except SignInRefused as error:
            _refusal.set(error)
            raise
        except SaslAuthenticationFailed as error:
            is_token = self._sasl_mechanism == "OAUTHBEARER"
            what, check = ("token", _TOKEN_SETTINGS) if is_token else ("user or password", _PASSWORD_SETTINGS)
            words = error.args[0] if error.args and error.args[0] else "without a reason"
            refusal = SignInRefused(f"the broker refused the {what}: {words}", check)
            _refusal.set(refusal)
            raise refusal from error


_bootstrap_of_aiokafka = AIOKafkaClient.bootstrap


async def _bootstrap(client: Any) -> None:
    """Connect for the first time. Raise what the brokers said, if they answered."""
    _refusal.set(None)
    try:
        await _bootstrap_of_aiokafka(client)
    except KafkaConnectionError as error:
        if refusal := _refusal.get():
            raise refusal from error
        raise


def name_refusals() -> None:
    """From now on, clients of this process say why a broker refuses them."""
    aiokafka.conn.AIOKafkaConnection = SigningInConnection
    AIOKafkaClient.bootstrap = _bootstrap
