"""`python -m footfall.jobs.smoke_test`: post one event and wait for its row: the test of any installation.

It needs no more than the libraries of the sinks, so that it runs from their image.
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
from service_kit.sessions.signing import sign
from service_kit.settings import Secret, load_or_exit, setting

FAILED = 1
EVENT = {"event_type": "test_event", "event_data": {"source": "first_event"}}
_USER = "first-event"
_SESSION_SECONDS = 60
_PAUSE_SECONDS = 0.25
_REQUEST_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    url: str = setting(help="Address of the collector.")
    postgres_dsn: Secret = setting(help="Where the event must land.")
    wait_timeout_seconds: float = setting(
        60.0, help="How long to wait for the collector, and for the row.", minimum=1
    )
    backend_keys: Secret = setting(
        Secret(""), help="Keys of backends, as the collector has them; the first is used."
    )
    session_key: Secret | None = setting(
        None, help="What sessions are signed with; if it is a secret, a session is made with it."
    )
    session_user_claim: str = setting("sub", help="Claim of the session that names the user.")
    session_audience: str | None = setting(None, help="The audience that sessions must name.")
    session_issuer: str | None = setting(None, help="The issuer that sessions must name.")


class Failed(Exception):
    """The event did not get through; the text says how far it came."""


def main() -> None:
    """Exit codes: 0 the row is there, 1 it is not."""
    settings = load_or_exit(Settings, os.environ)
    started = time.monotonic()
    deadline = started + settings.wait_timeout_seconds
    try:
        event_id = post(settings.url, sign_in(settings), deadline)
        sys.stdout.write(f"{event_id} is accepted after {time.monotonic() - started:.2f} s\n")
        wait_for_row(settings.postgres_dsn.reveal(), event_id, deadline)
    except Failed as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(FAILED)
    sys.stdout.write(f"and a row in Postgres after {time.monotonic() - started:.2f} s\n")


def sign_in(settings: Settings) -> dict[str, str]:
    """Headers that the collector takes events with: a backend's key, else a session, else those of a stranger."""
    if keys := settings.backend_keys.reveal().replace("\n", ",").strip(" ,"):
        return {"Footfall-Key": keys.split(",")[0].partition("=")[2].strip(), "Footfall-User": _USER}
    key = settings.session_key.reveal() if settings.session_key else ""
    if key and "-----BEGIN" not in key:
        return {"Authorization": f"Bearer {_session(key, settings, time.time())}"}
    return {}


def _session(key: str, settings: Settings, now: float) -> str:
    """A session that lasts a minute."""
    claims: dict[str, str | int] = {settings.session_user_claim: _USER, "exp": int(now) + _SESSION_SECONDS}
    named = {"aud": settings.session_audience, "iss": settings.session_issuer}
    claims |= {claim: name for claim, name in named.items() if name}
    return sign(claims, key)


def post(url: str, headers: dict[str, str], deadline: float) -> str:
    """The id of an accepted event. Try again while the collector is not there; raise Failed where it refuses."""
    request = urllib.request.Request(
        f"{url.rstrip('/')}/api/analytics/collect",
        json.dumps(EVENT).encode(),
        {"Content-Type": "application/json", **headers},
    )
    while True:
        try:
            with urllib.request.urlopen(request, timeout=_REQUEST_SECONDS) as answer:
                return str(json.load(answer)["event_id"])
        except urllib.error.HTTPError as error:
            if error.code not in (429, 503) or time.monotonic() > deadline:
                told = error.read().decode(errors="replace")
                raise Failed(f"The collector refused the event with {error.code}: {told}") from error
        except OSError as error:
            if time.monotonic() > deadline:
                raise Failed(f"The collector cannot be reached at {url}: {error}") from error
        time.sleep(_PAUSE_SECONDS)


def wait_for_row(dsn: str, event_id: str, deadline: float) -> None:
    """Return when the event has landed. Raise Failed when it has not in time."""
    query = "select 1 from raw_events where event_id = %s"
    told = "it is in Kafka, so look at the sinks"
    while time.monotonic() < deadline:
        try:
            with psycopg.connect(dsn, connect_timeout=5) as connection:
                if connection.execute(query, [event_ids.to_uuid(event_id)]).fetchone():
                    return
        except psycopg.Error as error:
            told = f"Postgres cannot be asked: {error}"
        time.sleep(_PAUSE_SECONDS)
    raise Failed(f"{event_id} has no row in Postgres: {told}")


if __name__ == "__main__":
    main()
