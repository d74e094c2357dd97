"""`python -m footfall.jobs.smoke_test`: post one event and wait for its row, to test an installation.

It needs only what the sinks install, so it runs from their image.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass

import psycopg

from avro_schemas import event_ids
from service_kit.postgres import PostgresSettings
from service_kit.sessions.settings import SessionSettings
from service_kit.sessions.signing import sign
from service_kit.settings import Secret, load_or_exit, setting
from sinks.connect import reading

FAILED = 1
EVENT = {"event_type": "test_event", "event_data": {"source": "smoke_test"}}
_USER = "smoke-test"
_SESSION_LIFETIME_SECONDS = 60
_RETRY_SECONDS = 0.25
_REQUEST_TIMEOUT_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    url: str = setting(help="URL of the collector.")
    postgres: PostgresSettings
    wait_timeout_seconds: float = setting(
        60.0, help="How long to wait for the collector and for the row.", minimum=1
    )
    backend_keys: Secret = setting(
        Secret(""), help="Keys of backends, as the collector has them; the first one is used."
    )
    session: SessionSettings
    session_user_claim: str = setting("sub", help="Claim of the session that names the user.")


class SmokeTestFailed(Exception):
    """The event did not get through; the message says how far it came."""


def main() -> None:
    """Exit codes: 0 the event has a row, 1 it has none."""
    settings = load_or_exit(Settings, os.environ)
    started = time.monotonic()
    deadline = started + settings.wait_timeout_seconds
    try:
        event_id = post(settings.url, auth_headers(settings), deadline)
        sys.stdout.write(f"{event_id} was accepted after {time.monotonic() - started:.2f} s\n")
        wait_for_row(settings.postgres, event_id, deadline)
    except SmokeTestFailed as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(FAILED)
    sys.stdout.write(f"It has a row in Postgres after {time.monotonic() - started:.2f} s\n")


def auth_headers(settings: Settings) -> dict[str, str]:
    """Headers that identify the sender: a backend key if there is one, else a session, else nothing."""
    if keys := settings.backend_keys.reveal().replace("\n", ",").strip(" ,"):
        return {"Footfall-Key": keys.split(",")[0].partition("=")[2].strip(), "Footfall-User": _USER}
    key = settings.session.session_key.reveal() if settings.session.session_key else ""
    if key and "-----BEGIN" not in key:
        return {"Authorization": f"Bearer {_session_token(key, settings, time.time())}"}
    return {}


def _session_token(key: str, settings: Settings, now: float) -> str:
    claims: dict[str, str | int] = {
        settings.session_user_claim: _USER,
        "exp": int(now) + _SESSION_LIFETIME_SECONDS,
    }
    optional = {"aud": settings.session.session_audience, "iss": settings.session.session_issuer}
    claims |= {claim: value for claim, value in optional.items() if value}
    return sign(claims, key)


def post(url: str, headers: dict[str, str], deadline: float) -> str:
    """Post the event and return its id. Retries until the collector is available.

    Raise SmokeTestFailed if it is not available in time or rejects the event.
    """
    request = urllib.request.Request(
        f"{url.rstrip('/')}/api/analytics/collect",
        json.dumps(EVENT).encode(),
        {"Content-Type": "application/json", **headers},
    )
    while True:
        try:
            with urllib.request.urlopen(request, timeout=_REQUEST_TIMEOUT_SECONDS) as response:
                return str(json.load(response)["event_id"])
        except urllib.error.HTTPError as error:
            with error:
                body = error.read().decode(errors="replace")
            if error.code not in (429, 503) or time.monotonic() > deadline:
                raise SmokeTestFailed(f"The collector rejected the event with {error.code}: {body}") from error
        except OSError as error:
            if time.monotonic() > deadline:
                raise SmokeTestFailed(f"The collector cannot be reached at {url}: {error}") from error
        time.sleep(_RETRY_SECONDS)


def wait_for_row(where: PostgresSettings, event_id: str, deadline: float) -> None:
    """Return when the event has landed. Raise SmokeTestFailed if it does not land in time."""
    query = "select 1 from raw_events where day_of(event_id) = day_of(%(id)s) and event_id = %(id)s"
    problem = "it was accepted, so look at Kafka and the sinks"
    while time.monotonic() < deadline:
        try:
            with reading(where, "footfall-smoke-test") as connection:
                if connection.execute(query, {"id": event_ids.to_uuid(event_id)}).fetchone():
                    return
        except psycopg.Error as error:
            problem = f"Postgres cannot be queried: {error}"
        time.sleep(_RETRY_SECONDS)
    raise SmokeTestFailed(f"{event_id} has no row in Postgres: {problem}")


if __name__ == "__main__":
    main()
