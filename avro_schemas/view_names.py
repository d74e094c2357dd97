"""The view of each event type in Postgres, and the names that are taken there and in Kafka."""

# Relations of footfall in Postgres; a test compares them with the migrations.
RELATIONS = frozenset(
    {
        "canaries",
        "counted_copies",
        "daily_counts",
        "days",
        "dead_letters",
        "devices",
        "duplicate_samples",
        "erased_keys",
        "erased_rows",
        "erasures",
        "event_types",
        "events",
        "events_daily",
        "events_hourly",
        "hourly_counts",
        "hourly_deltas",
        "identities",
        "landed",
        "landed_sums",
        "maintained",
        "migrations",
        "packed_events",
        "packed_ids",
        "pending_corrections",
        "raw_events",
        "rows_after_hour",
        "sink_offsets",
        "stored_events",
        "stored_visits",
        "visit_changes",
        "visit_floods",
        "visit_hours",
        "visit_parts",
        "visit_progress",
        "visit_queue",
        "visit_recounts",
        "visit_tombstones",
        "visitors_daily",
        "visits",
        "visits_progress",
    }
)
# Event types whose topic on demand, events-TYPE, would be another topic.
TOPICS = frozenset({"rejected"})
# Postgres cuts off longer names.
MAX_LENGTH = 60


def view_name(event_type: str) -> str:
    """The plural: the view of page_view is page_views, that of error_encountered is error_encountered."""
    return event_type if event_type.endswith(("s", "ed")) else f"{event_type}s"
