"""The view `visits`: what readers see of visits. docs/definitions.md says what the numbers mean."""

from sinks.postgres.generated import View
from sinks.sql import read_statements

_SQL = read_statements(__name__)

# Each column, its expression over a row `visit` and its device, and its comment.
_COLUMNS = (
    (
        "visit_id",
        "'evt_' || replace(visit.visit_id::text, '-', '')",
        "The event_id of its first event. A late event or a sign-in may replace a visit by another one.",
    ),
    ("visit_uuid", "visit.visit_id", "The UUIDv7 inside visit_id: the event_uuid of its first event."),
    (
        "person",
        "encode(visit.person, 'hex')",
        "Whose it is: the user key, or else the visitor key, or else the session key.",
    ),
    ("is_user", "visit.is_user", "Whether the person is a user."),
    (
        "started_at",
        "visit.started_at",
        "When its first event occurred: a visit belongs to the time when it began.",
    ),
    ("ended_at", "visit.ended_at", "When its last event occurred; it is later while the visit goes on."),
    ("day", "(visit.started_at at time zone 'UTC')::date", "The UTC day on which it began."),
    ("duration", "visit.ended_at - visit.started_at", "From its first event to its last."),
    ("views", "visit.views", "Number of page views."),
    ("events", "visit.events", "Number of events of any type."),
    (
        "interactions",
        "visit.interactions",
        "Number of events that are not page_view, web_vital, error_encountered or scroll.",
    ),
    (
        "bounced",
        "visit.views = 1 and visit.interactions = 0 and visit.ended_at < visit.started_at + interval '10 seconds'",
        "One view, no interaction, and less than 10 seconds from its first event to its last.",
    ),
    ("entry_page", "visit.pages[1]", "Path of the first page viewed; null without a view."),
    ("exit_page", "visit.pages[cardinality(visit.pages)]", "Path of the last page viewed; null without a view."),
    ("pages", "visit.pages", "Paths of the pages viewed, in order."),
    (
        "entry_route",
        "coalesce(visit.routes[1], visit.pages[1])",
        "Route of the first page viewed, or its path if it has none.",
    ),
    (
        "exit_route",
        "coalesce(visit.routes[cardinality(visit.routes)], visit.pages[cardinality(visit.pages)])",
        "Route of the last page viewed, or its path if it has none.",
    ),
    (
        "routes",
        "case when cardinality(visit.routes) > 0 then visit.routes else visit.pages end",
        "Routes of the pages viewed, in order; of a page without one its path.",
    ),
    (
        "event_types",
        "array(select name from event_types where id = any(visit.types) order by name)",
        "The types of its events, each once.",
    ),
    ("source", "(visit.arrival).source", "Host of the page outside the site that led here; null without one."),
    (
        "channel",
        "coalesce((visit.arrival).channel, 'direct')",
        "How the visitor arrived: search, social, mail, ai, paid, referral; direct if nothing outside is known.",
    ),
    *(
        (name, f"(visit.arrival).{name}", f"Campaign parameter {name} of the page that the visitor arrived on.")
        for name in ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
    ),
    ("site", "(visit.context).site", "Which of the sites of this installation its first view was on."),
    ("hostname", "(visit.context).hostname", "Host of the first page viewed."),
    ("country", "(visit.context).country", "Where the visitor was, as two letters of ISO 3166."),
    ("region", "(visit.context).region", "Where in the country, as a code of ISO 3166-2."),
    ("language", "(visit.context).language", "Language of the browser."),
    ("screen", "(visit.context).screen", "Class of the screen by its width."),
    ("release", "(visit.context).release", "Release of the first page viewed."),
    ("browser", "device.browser", "Browser family, or unknown."),
    ("system", "device.system", "Operating system family, or unknown."),
    ("device", "device.kind", "desktop, mobile, tablet or unknown."),
    (
        "is_first",
        "not exists (select from stored_visits as other"
        " where other.person = visit.person and other.started_at < visit.started_at)",
        "Whether no earlier visit of the person is known.",
    ),
)


def visit_views() -> list[View]:
    """The view of visits."""
    return [
        View(
            name="visits",
            columns={name: expression for name, expression, _comment in _COLUMNS},
            source=_SQL["visits"].as_string(),
            comment="Visits of people, a row each; they follow landing within a minute. See docs/definitions.md.",
            column_comments={name: comment for name, _expression, comment in _COLUMNS},
        ),
        View(
            name="visits_progress",
            columns={
                "derived_at": "coalesce(queue.oldest, now())",
                "behind_seconds": "coalesce(greatest(extract(epoch from now() - queue.oldest), 0), 0)::float8",
                "gap": "progress.gap",
                "oldest": "progress.oldest",
                "too_old": "progress.too_old",
                "flooded": "progress.flooded",
                "rereading": "queue.rereading",
                "pending": "queue.pending",
                # The first 48 bits of an id are its time.
                "incomplete_before": "moment_of("
                "('x' || left(replace(queue.rereading_until, '-', ''), 12))::bit(48)::bigint)",
            },
            source=_SQL["progress"].as_string(),
            comment="How far visits have followed landing: one row.",
            column_comments={
                "derived_at": "What landed before is in visits.",
                "behind_seconds": "How long ago that was.",
                "gap": "So long without an event ends a visit.",
                "oldest": "Events that occurred before are in no visit: their days are dropped.",
                "too_old": "Events that landed after their day was dropped.",
                "flooded": "Events in no visit, as a browser sent more in a day than people do.",
                "rereading": "Hours of rows that are still to be read again, newest first: after an upgrade, or"
                " after the gap was changed.",
                "pending": "About how many events that landed are in no visit yet.",
                "incomplete_before": "Visits that began before are incomplete until these hours are read; null if"
                " there are none.",
            },
        ),
    ]
