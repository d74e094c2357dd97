"""Every record as it is decoded: made from the schemas by `make generate`.

As fastavro and confluent-kafka decode them: times are aware datetimes in UTC. (Our own `codec` leaves them as
milliseconds since 1970.)
"""

from datetime import datetime
from typing import Literal, TypedDict


class Device(TypedDict):
    """What the user agent says, reduced to classes."""

    # Browser family, or unknown.
    browser: str
    # Operating system family, or unknown.
    system: str
    # Class of the device.
    kind: Literal["unknown", "desktop", "mobile", "tablet", "bot"]
    # Why this looks like a program: crawler, headless, script or missing; null for a person.
    bot: str | None


class PageViewData(TypedDict):
    """What the frontend sends as event_data."""

    # Path of the page.
    page: str
    # Page or site the user came from.
    referrer: str | None
    # Title of the page.
    title: str | None
    # Anything else worth keeping, by name.
    properties: dict[str, str | bool | int | float | None]


class PageView(TypedDict):
    """A user visited a page."""

    # evt_ and 32 hex digits of a UUIDv7; the idempotency key.
    event_id: str
    # What happened, as the frontend named it.
    event_type: str
    # When it happened: by the client's clock, corrected where sent_at shows it to be wrong; received_at where
    # the client did not say.
    occurred_at: datetime
    # ok; past: more than 10 minutes before received_at; clamped: it lay more than 10 minutes ahead and was set
    # to received_at.
    time_flag: Literal["unknown", "ok", "past", "clamped"]
    # When the client sent the request, by the client's clock.
    sent_at: datetime | None
    # When the collector received it.
    received_at: datetime
    # HMAC-SHA256 over the user id, 16 bytes; null without a user.
    user_key: bytes | None
    # HMAC-SHA256 over the session id, 16 bytes; null without a session.
    session_key: bytes | None
    # HMAC-SHA256 over the IP address with a key of the day, 16 bytes.
    ip_hash: bytes | None
    # Browser, system and class of the device.
    device: Device
    # Path of the page it happened on.
    page: str | None
    # The type's own fields.
    event_data: PageViewData


class ButtonClickData(TypedDict):
    """What the frontend sends as event_data."""

    # Name of the element, as the frontend calls it.
    button: str
    # Path of the page.
    page: str | None
    # Anything else worth keeping, by name.
    properties: dict[str, str | bool | int | float | None]


class ButtonClick(TypedDict):
    """A user clicked an interactive element."""

    # evt_ and 32 hex digits of a UUIDv7; the idempotency key.
    event_id: str
    # What happened, as the frontend named it.
    event_type: str
    # When it happened: by the client's clock, corrected where sent_at shows it to be wrong; received_at where
    # the client did not say.
    occurred_at: datetime
    # ok; past: more than 10 minutes before received_at; clamped: it lay more than 10 minutes ahead and was set
    # to received_at.
    time_flag: Literal["unknown", "ok", "past", "clamped"]
    # When the client sent the request, by the client's clock.
    sent_at: datetime | None
    # When the collector received it.
    received_at: datetime
    # HMAC-SHA256 over the user id, 16 bytes; null without a user.
    user_key: bytes | None
    # HMAC-SHA256 over the session id, 16 bytes; null without a session.
    session_key: bytes | None
    # HMAC-SHA256 over the IP address with a key of the day, 16 bytes.
    ip_hash: bytes | None
    # Browser, system and class of the device.
    device: Device
    # Path of the page it happened on.
    page: str | None
    # The type's own fields.
    event_data: ButtonClickData


class FormSubmitData(TypedDict):
    """What the frontend sends as event_data."""

    # Name of the form, as the frontend calls it.
    form: str
    # Path of the page.
    page: str | None
    # Whether the form was taken; null where the frontend does not know.
    success: bool | None
    # How many fields the form has; never their values.
    field_count: int | None
    # Anything else worth keeping, by name.
    properties: dict[str, str | bool | int | float | None]


class FormSubmit(TypedDict):
    """A user submitted a form."""

    # evt_ and 32 hex digits of a UUIDv7; the idempotency key.
    event_id: str
    # What happened, as the frontend named it.
    event_type: str
    # When it happened: by the client's clock, corrected where sent_at shows it to be wrong; received_at where
    # the client did not say.
    occurred_at: datetime
    # ok; past: more than 10 minutes before received_at; clamped: it lay more than 10 minutes ahead and was set
    # to received_at.
    time_flag: Literal["unknown", "ok", "past", "clamped"]
    # When the client sent the request, by the client's clock.
    sent_at: datetime | None
    # When the collector received it.
    received_at: datetime
    # HMAC-SHA256 over the user id, 16 bytes; null without a user.
    user_key: bytes | None
    # HMAC-SHA256 over the session id, 16 bytes; null without a session.
    session_key: bytes | None
    # HMAC-SHA256 over the IP address with a key of the day, 16 bytes.
    ip_hash: bytes | None
    # Browser, system and class of the device.
    device: Device
    # Path of the page it happened on.
    page: str | None
    # The type's own fields.
    event_data: FormSubmitData


class ErrorEncounteredData(TypedDict):
    """What the frontend sends as event_data."""

    # What the error says.
    message: str
    # Path of the page.
    page: str | None
    # Class of the error, such as TypeError.
    kind: str | None
    # File the error came from, without its query.
    source: str | None
    # Line in the file.
    line: int | None
    # Column in the line.
    column: int | None
    # Stack trace.
    stack: str | None
    # Anything else worth keeping, by name.
    properties: dict[str, str | bool | int | float | None]


class ErrorEncountered(TypedDict):
    """A user hit an error."""

    # evt_ and 32 hex digits of a UUIDv7; the idempotency key.
    event_id: str
    # What happened, as the frontend named it.
    event_type: str
    # When it happened: by the client's clock, corrected where sent_at shows it to be wrong; received_at where
    # the client did not say.
    occurred_at: datetime
    # ok; past: more than 10 minutes before received_at; clamped: it lay more than 10 minutes ahead and was set
    # to received_at.
    time_flag: Literal["unknown", "ok", "past", "clamped"]
    # When the client sent the request, by the client's clock.
    sent_at: datetime | None
    # When the collector received it.
    received_at: datetime
    # HMAC-SHA256 over the user id, 16 bytes; null without a user.
    user_key: bytes | None
    # HMAC-SHA256 over the session id, 16 bytes; null without a session.
    session_key: bytes | None
    # HMAC-SHA256 over the IP address with a key of the day, 16 bytes.
    ip_hash: bytes | None
    # Browser, system and class of the device.
    device: Device
    # Path of the page it happened on.
    page: str | None
    # The type's own fields.
    event_data: ErrorEncounteredData


class Custom(TypedDict):
    """A custom event: named in the catalogue, with typed properties."""

    # evt_ and 32 hex digits of a UUIDv7; the idempotency key.
    event_id: str
    # What happened, as the frontend named it.
    event_type: str
    # When it happened: by the client's clock, corrected where sent_at shows it to be wrong; received_at where
    # the client did not say.
    occurred_at: datetime
    # ok; past: more than 10 minutes before received_at; clamped: it lay more than 10 minutes ahead and was set
    # to received_at.
    time_flag: Literal["unknown", "ok", "past", "clamped"]
    # When the client sent the request, by the client's clock.
    sent_at: datetime | None
    # When the collector received it.
    received_at: datetime
    # HMAC-SHA256 over the user id, 16 bytes; null without a user.
    user_key: bytes | None
    # HMAC-SHA256 over the session id, 16 bytes; null without a session.
    session_key: bytes | None
    # HMAC-SHA256 over the IP address with a key of the day, 16 bytes.
    ip_hash: bytes | None
    # Browser, system and class of the device.
    device: Device
    # Path of the page it happened on.
    page: str | None
    # The type's own fields.
    event_data: dict[str, str | bool | int | float | None]


class Fault(TypedDict):
    """One thing that is wrong."""

    # Code from the closed set of reasons.
    code: str
    # JSON pointer to the faulty value; empty for the whole.
    pointer: str
    # What was expected there.
    expected: str
    # Type and length of what came instead; never the value.
    got: str


class RejectedEvent(TypedDict):
    """What could not be accepted or decoded, and why."""

    # When it was rejected.
    rejected_at: datetime
    # The service that rejected it: producer_api, stream_app or sinks.
    rejected_by: str
    # Code from the closed set of reasons.
    reason: str
    # Every fault that was found.
    errors: list[Fault]
    # Id of the event, where it could be read.
    event_id: str | None
    # Type of the event, where it could be read.
    event_type: str | None
    # Key of the user, where known, so that erasure finds the record.
    user_key: bytes | None
    # Schema id the bytes name, where they name one.
    schema_id: int | None
    # Topic the record was read from; null for what came by HTTP.
    source_topic: str | None
    # Partition it was read from.
    source_partition: int | None
    # Offset it was read from.
    source_offset: int | None
    # The bytes as they came, cut to 32 KiB.
    body: bytes
    # Length of the bytes before the cut.
    body_size: int


class UserRate(TypedDict):
    """How often a user sent events in the last minute, and until when that was too often."""

    # Key of the user, 16 bytes.
    user_key: bytes
    # Append time of the newest event counted; the end of the minute where final.
    measured_at: datetime
    # Length of the sliding window.
    window_seconds: int
    # Events in the window.
    events: int
    # Events allowed in the window.
    limit: int
    # Until when the user is over the limit; null once below it.
    blocked_until: datetime | None
    # Partition of events that was counted.
    partition: int
    # Newest offset of that partition that is counted in.
    source_offset: int
    # True: events are those of the minute that ended at measured_at, all of them; false: of the sliding minute
    # so far.
    final: bool


class LiveAggregate(TypedDict):
    """An absolute partial of one partition, dimension and window. The value of a window is the sum over
    partitions of their newest partials.
    """

    # What is counted, such as events, late or total.
    dimension: str
    # Start of the window; 0 where window_seconds is 0.
    window_start: datetime
    # Length of the window; 0 for a count since the beginning.
    window_seconds: int
    # Partition of events that was counted.
    partition: int
    # Newest offset of that partition that is counted in; the partial with the highest one wins.
    source_offset: int
    # Newest append time that is counted in.
    watermark: datetime
    # Count by name, such as the event type.
    counts: dict[str, int]
    # A mergeable sketch, for dimensions that have one.
    sketch: bytes | None


class Erasure(TypedDict):
    """A user to forget: every event received up to requested_at goes, and stays gone after replays."""

    # Key of the user, 16 bytes.
    user_key: bytes
    # Events received up to then are erased.
    requested_at: datetime
    # Id under which the request is reported.
    receipt: str | None


class WebVitalData(TypedDict):
    """What the frontend sends as event_data."""

    # Name of the measure: LCP, INP, CLS, FCP or TTFB.
    metric: str
    # The measured value; milliseconds, except CLS.
    value: float
    # Path of the page.
    page: str | None
    # Anything else worth keeping, by name.
    properties: dict[str, str | bool | int | float | None]


class WebVital(TypedDict):
    """A measure of how fast or steady a page was for a user."""

    # evt_ and 32 hex digits of a UUIDv7; the idempotency key.
    event_id: str
    # What happened, as the frontend named it.
    event_type: str
    # When it happened: by the client's clock, corrected where sent_at shows it to be wrong; received_at where
    # the client did not say.
    occurred_at: datetime
    # ok; past: more than 10 minutes before received_at; clamped: it lay more than 10 minutes ahead and was set
    # to received_at.
    time_flag: Literal["unknown", "ok", "past", "clamped"]
    # When the client sent the request, by the client's clock.
    sent_at: datetime | None
    # When the collector received it.
    received_at: datetime
    # HMAC-SHA256 over the user id, 16 bytes; null without a user.
    user_key: bytes | None
    # HMAC-SHA256 over the session id, 16 bytes; null without a session.
    session_key: bytes | None
    # HMAC-SHA256 over the IP address with a key of the day, 16 bytes.
    ip_hash: bytes | None
    # Browser, system and class of the device.
    device: Device
    # Path of the page it happened on.
    page: str | None
    # The type's own fields.
    event_data: WebVitalData


Event = PageView | ButtonClick | FormSubmit | ErrorEncountered | WebVital | Custom
