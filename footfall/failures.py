"""What a command says when it fails: a sentence with what to do, and an exit code. A traceback only on request."""

import logging
import re
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass

FAILED, INVALID_SETTINGS, UNEXPECTED = 1, 2, 70
DEBUG = "FOOTFALL_DEBUG"
# As the Kafka client writes an address: ('kafka', 9092, <AddressFamily.AF_INET: 2>).
_BROKER = re.compile(r"\('([^']*)', (\d+), [^)]*\)")


@dataclass(frozen=True, slots=True)
class Failure:
    """A sentence for a person, and the exit code for a script."""

    sentence: str
    exit_code: int = FAILED


def report(error: Exception, environ: Mapping[str, str]) -> int:
    """Say on stderr what failed; the exit code."""
    failure = _failure(error)
    if environ.get(DEBUG):
        traceback.print_exception(error)
    sys.stderr.write(f"{failure.sentence}\n")
    return failure.exit_code


def explain(error: Exception) -> str:
    """The sentence for an error after which a command goes on."""
    return _failure(error).sentence


def with_plain_addresses(text: str) -> str:
    """A message of the Kafka client, with addresses of brokers as people write them."""
    return _BROKER.sub(r"\1:\2", text)


def silence_libraries(environ: Mapping[str, str]) -> None:
    """The Kafka client logs what it then raises: one sentence is enough."""
    if not environ.get(DEBUG):
        for name in ("aiokafka", "asyncio"):
            logging.getLogger(name).addHandler(logging.NullHandler())


def _failure(error: Exception) -> Failure:
    known = (
        of_library(error)
        for of_library in (_of_settings, _of_postgres, _of_kafka, _of_http, _of_bucket, _of_files)
    )
    return next(filter(None, known), None) or _unexpected(error)


def _of_settings(error: Exception) -> Failure | None:
    settings = sys.modules.get("service_kit.settings")
    if settings is None or not isinstance(error, settings.SettingsError):
        return None
    return Failure(str(error), INVALID_SETTINGS)


def _of_postgres(error: Exception) -> Failure | None:
    psycopg = sys.modules.get("psycopg")
    if psycopg is None or not isinstance(error, psycopg.Error):
        return None
    if isinstance(error, psycopg.ProgrammingError) and error.sqlstate is None:
        # Of our own programming, Postgres itself would have complained. (Its words would show the password.)
        return Failure(
            "FOOTFALL_POSTGRES_DSN is not a DSN: write it as postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with"
            " special characters of the password percent-encoded.",
            INVALID_SETTINGS,
        )
    # What follows the first line asks whether the server is running.
    message = error.diag.message_primary or str(error).partition("\n")[0]
    if isinstance(error, psycopg.errors.UndefinedTable):
        return Failure(f"Postgres: {message}. Start the sinks, or check FOOTFALL_POSTGRES_SCHEMA.")
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return Failure(f"Postgres: {message}. Grant footfall_writer to this user, or SCHEMA_writer.")
    if isinstance(error, psycopg.OperationalError):
        return Failure(f"Postgres: {message.removesuffix('.')}. Check FOOTFALL_POSTGRES_DSN.")
    return None


def _of_kafka(error: Exception) -> Failure | None:
    errors = sys.modules.get("aiokafka.errors")
    if errors is None or not isinstance(error, errors.KafkaError):
        return None
    if isinstance(error, errors.KafkaConnectionError):
        what = with_plain_addresses(_message(error))
        return Failure(
            f"Kafka does not answer: {what}. Check FOOTFALL_KAFKA_BOOTSTRAP, and whether the brokers "
            "expect TLS (FOOTFALL_KAFKA_SECURITY_PROTOCOL)."
        )
    if isinstance(error, errors.SaslAuthenticationFailed):
        check = getattr(error, "check", "FOOTFALL_KAFKA_SASL_USERNAME and its password")
        return Failure(f"Kafka: {_message(error)}. Check {check}.")
    if "Authorization" in type(error).__name__:
        return Failure(f"Kafka: {_message(error)}. `footfall acls` prints what each user needs.")
    return Failure(f"Kafka: {_message(error)}.")


def _of_http(error: Exception) -> Failure | None:
    httpx = sys.modules.get("httpx")
    if httpx is None or not isinstance(error, httpx.TransportError):
        return None
    try:
        where = str(error.request.url)
    except RuntimeError:  # raised before there was a request
        where = "The address"
    return Failure(f"{where} does not answer: {_message(error)}. Check FOOTFALL_URL.")


def _of_bucket(error: Exception) -> Failure | None:
    bucket = sys.modules.get("service_kit.bucket")
    if bucket is None or not isinstance(error, bucket.BucketUnavailable):
        return None
    return Failure(f"{_message(error)}. Check AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and its secret.")


def _of_files(error: Exception) -> Failure | None:
    if not isinstance(error, OSError) or error.filename is None:
        return None
    return Failure(f"{error.filename}: {error.strerror}.")


def _unexpected(error: Exception) -> Failure:
    return Failure(
        f"That should not have happened, and is a fault of footfall: {type(error).__name__}: {_message(error)}. "
        f"Run it again with {DEBUG}=1 to see where, and report it.",
        UNEXPECTED,
    )


def _message(error: Exception) -> str:
    text = " ".join(str(error).split()).removeprefix(f"{type(error).__name__}: ")
    return text.removesuffix(".") or type(error).__name__
