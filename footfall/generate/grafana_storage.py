"""helm/files/dashboards: the Grafana dashboard of sinks and Postgres."""

from footfall.generate.grafana import Panel, Row, dashboard
from footfall.generate.grafana_boards import PROCESSES
from footfall.generate.promql import mean, quantiles, rate

_LANDING = Row(
    "Landing",
    [
        Panel(
            "Records per second",
            {
                "rows": rate("footfall_sink_rows_total"),
                "duplicates": rate("footfall_sink_duplicates_total"),
                "erased": rate("footfall_sink_erased_total"),
                "dead letters": rate("footfall_sink_dead_letters_total"),
            },
            "ops",
        ),
        Panel(
            "From Kafka to the commit, oldest record of a batch", quantiles("footfall_sink_latency_seconds"), "s"
        ),
        Panel(
            "Mean duration of a batch",
            {
                "decode": mean("footfall_sink_decode_seconds"),
                "write": mean("footfall_sink_write_seconds"),
                "commit (part of write)": mean("footfall_sink_commit_seconds"),
            },
            "s",
        ),
        Panel("Lag by sink, in records", {"{{instance}}": "footfall_sink_lag_records"}),
        Panel(
            "Fallbacks, fenced batches, retries and assignments",
            {
                "merge fallbacks": rate("footfall_sink_merge_fallbacks_total"),
                "fenced": rate("footfall_sink_fenced_total"),
                "retries, SQLSTATE class {{sqlstate_class}}": rate(
                    "footfall_sink_write_retries_total", "sqlstate_class"
                ),
                "batch shrinks": rate("footfall_sink_batch_shrinks_total"),
                "assignments": rate("footfall_sink_assignments_total"),
            },
            "ops",
        ),
        Panel("Sinks ready", {"{{instance}}": "footfall_sink_ready"}),
        Panel(
            "Partitions of the topic, and assigned ones",
            {"of the topic": "max(footfall_sink_topic_partitions)", "assigned": "sum(footfall_sink_partitions)"},
        ),
        Panel(
            "Sinks paused or halted",
            {
                "{{instance}}: breaker open": "footfall_sink_breaker_open",
                "{{instance}}: halted": "footfall_sink_halted",
                "{{instance}}: share of time paused": "rate(footfall_sink_paused_seconds_total[$__rate_interval])",
            },
        ),
    ],
)
_DEAD_LETTERS = Row(
    "Dead letters and the canary",
    [
        Panel(
            "Dead letters to events-rejected",
            {
                "pending": "max(footfall_sink_dead_letters_pending)",
                "published per second": rate("footfall_sink_dead_letters_published_total"),
            },
        ),
        Panel(
            "Corrections by what became of the record",
            {"{{reason}}": rate("footfall_sink_corrections_total", "reason")},
            "ops",
        ),
        Panel(
            "Corrections published per second",
            {"published": rate("footfall_sink_corrections_published_total")},
            "ops",
        ),
        Panel(
            "Age of the oldest correction to publish", {"age": "max(footfall_sink_corrections_lag_seconds)"}, "s"
        ),
        Panel(
            "Dead letters by reason",
            {"{{reason}}": rate("footfall_sink_dead_letters_total", "reason")},
            "ops",
        ),
        Panel("Canary: time from sending to its row", quantiles("footfall_canary_seconds"), "s"),
        Panel("Canary failures by stage", {"{{stage}}": rate("footfall_canary_failures_total", "stage")}, "ops"),
    ],
)
_VISITS = Row(
    "Visits and links",
    [
        Panel(
            "Age of the oldest rows that visits do not know of",
            {"{{instance}}": "footfall_sink_visits_behind_seconds"},
            "s",
        ),
        Panel(
            "Events in no visit yet, and hours that differ from their rows",
            {
                "events": "max(footfall_postgres_visits_pending_events)",
                "hours that differ": "max(footfall_postgres_visits_recount_failures)",
            },
        ),
        Panel("Step of deriving visits", quantiles("footfall_sink_visits_step_seconds"), "s"),
        Panel(
            "Rows read for visits, and failures",
            {
                "rows": rate("footfall_sink_visits_events_total"),
                "failures": rate("footfall_sink_visits_failures_total"),
            },
            "ops",
        ),
        Panel(
            "Records to publish",
            {"{{topic}}": "max by (topic) (footfall_postgres_visits_pending_records)"},
        ),
        Panel("Records published", {"{{topic}}": rate("footfall_sink_visits_published_total", "topic")}, "ops"),
    ],
)
_POSTGRES = Row(
    "Postgres",
    [
        Panel("Database size", {"bytes": "max(footfall_postgres_bytes)"}, "bytes"),
        Panel("Future days with a partition", {"days": "min(footfall_postgres_days_ahead)"}),
        Panel("Days by state", {"{{state}}": "max by (state) (footfall_postgres_days)"}),
        Panel(
            "Needs an operator",
            {
                "dead letters": "max(footfall_postgres_dead_letters)",
                "pending erasures": "max(footfall_postgres_pending_erasures)",
                "unaccounted records": "max(footfall_postgres_unaccounted_records)",
                "records lost to retention": "sum(footfall_sink_records_lost_to_retention_total)",
            },
        ),
        Panel(
            "Time since the last",
            {
                "maintenance": "time() - max(footfall_postgres_maintained_timestamp_seconds)",
                "reading of these metrics": "time() - max(footfall_postgres_checked_timestamp_seconds)",
            },
            "s",
        ),
    ],
)


def storage() -> str:
    """Landing, dead letters and the database."""
    rows = [_LANDING, _DEAD_LETTERS, _VISITS, _POSTGRES, PROCESSES]
    return dashboard(
        "footfall-storage", "footfall: sinks and storage", "How events become rows, and how rows are stored.", rows
    )
