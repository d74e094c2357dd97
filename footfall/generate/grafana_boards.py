"""What is on the Grafana dashboards."""

from footfall.generate.grafana import Panel, Row, dashboard

_ACCEPTED = 'sum(rate(footfall_collector_events_total{status="accepted"}[$__rate_interval]))'


def _rate(metric: str, by: str = "") -> str:
    """Of a counter, a second."""
    return f"sum{f' by ({by})' if by else ''} (rate({metric}[$__rate_interval]))"


def _quantiles(histogram: str) -> dict[str, str]:
    """Median and tails of a histogram."""
    return {
        f"p{number}": f"histogram_quantile(0.{number}, sum by (le) (rate({histogram}_bucket[$__rate_interval])))"
        for number in (50, 95, 99)
    }


def _mean(histogram: str) -> str:
    return f"{_rate(f'{histogram}_sum')} / {_rate(f'{histogram}_count')}"


_COLLECTOR = Row(
    "Collector: rate, errors, duration",
    [
        Panel("Requests by status", {"{{status}}": _rate("footfall_collector_requests_total", "status")}, "reqps"),
        Panel(
            "Requests answered with errors",
            {
                "5xx": f'{_rate("""footfall_collector_requests_total{status=~"5.."}""")}'
                f" / {_rate('footfall_collector_requests_total')}"
            },
            "percentunit",
        ),
        Panel("Time of a request", _quantiles("footfall_collector_request_seconds"), "s"),
        Panel("Events by status", {"{{status}}": _rate("footfall_collector_events_total", "status")}, "ops"),
        Panel(
            "Refused and rejected, by code",
            {"{{code}}": _rate('footfall_collector_events_total{status=~"rejected|refused|limited"}', "code")},
            "ops",
        ),
        Panel("Time until Kafka acknowledges", _quantiles("footfall_collector_publish_seconds"), "s"),
    ],
)
_PIPELINE = Row(
    "From Kafka to counts and rows",
    [
        Panel(
            "Records behind",
            {
                "stream app": "sum(footfall_stream_lag_records)",
                "sinks": "sum(footfall_sink_lag_records)",
            },
            about="Records in the topic that are not yet counted, or not yet rows.",
        ),
        Panel(
            "Seconds behind",
            {
                "stream app": f"sum(footfall_stream_lag_records) / clamp_min({_ACCEPTED}, 1)",
                "sinks": "max(footfall_sink_lag_seconds)",
            },
            "s",
            "Stream app: lag divided by the rate of accepted events. Sinks: age of the records that are landing.",
        ),
        Panel(
            "Age of the newest event",
            {
                "counted": "time() - max(footfall_stream_newest_event_timestamp_seconds)",
                "landed": "time() - max(footfall_sink_newest_event_timestamp_seconds)",
                "on the live page": "time() - max(footfall_dashboard_newest_event_timestamp_seconds)",
            },
            "s",
            "By the time at which Kafka appended it. It also grows while nothing arrives.",
        ),
    ],
)
_TROUBLE = Row(
    "While Kafka is away, and what does not pass",
    [
        Panel("Collectors that Kafka lets in", {"{{instance}}": "footfall_collector_kafka_available"}),
        Panel(
            "Events in spools",
            {
                "waiting": "sum(footfall_collector_spool_events)",
                "written a second": _rate("footfall_collector_spooled_events_total"),
                "replayed a second": _rate("footfall_collector_replayed_events_total"),
            },
        ),
        Panel(
            "Spools",
            {"{{instance}}": "footfall_collector_spool_bytes / (footfall_collector_spool_max_bytes > 0)"},
            "percentunit",
        ),
        Panel("Oldest event in a spool", {"{{instance}}": "footfall_collector_spool_age_seconds"}, "s"),
        Panel("Bytes waiting for Kafka", {"{{instance}}": "footfall_collector_in_flight_bytes"}, "bytes"),
        Panel(
            "Acknowledged too late, producers replaced, spool faults",
            {
                "events acknowledged after their answer": _rate("footfall_collector_late_acks_total"),
                "producers replaced": _rate("footfall_collector_producer_restarts_total"),
                "spool: {{kind}}": _rate("footfall_collector_spool_errors_total", "kind"),
            },
            "ops",
        ),
        Panel(
            "Rejected events kept",
            {"{{result}}": _rate("footfall_collector_rejected_records_total", "result")},
            "ops",
        ),
        Panel(
            "Events that browsers gave up",
            {"a second": _rate("footfall_collector_client_dropped_events_total")},
            "ops",
            "As their SDK says, once it reaches the collector again.",
        ),
        Panel("Redactions", {"{{pattern}}": _rate("footfall_collector_redactions_total", "pattern")}, "ops"),
        Panel(
            "Requests of programs",
            {"{{reason}}": _rate("footfall_collector_bot_requests_total", "reason")},
            "reqps",
        ),
    ],
)
_PROCESSES = Row(
    "Processes",
    [
        Panel(
            "CPU",
            {
                "{{job}} {{instance}}": "rate(process_cpu_seconds_total[$__rate_interval])"
                " and on (namespace, instance) footfall_build_info"
            },
            "percentunit",
        ),
        Panel(
            "Memory",
            {
                "{{job}} {{instance}}": "process_resident_memory_bytes"
                " and on (namespace, instance) footfall_build_info"
            },
            "bytes",
        ),
        Panel("Versions", {"{{version}}": "count by (version) (footfall_build_info)"}),
    ],
)
_SESSIONS = Row(
    "Sessions, limits, readers",
    [
        Panel(
            "Fetches of session keys",
            {
                "collector, {{result}}": _rate("footfall_collector_jwks_fetches_total", "result"),
                "dashboard, {{result}}": _rate("footfall_dashboard_jwks_fetches_total", "result"),
            },
            "ops",
        ),
        Panel("Limits hold over all collectors", {"{{instance}}": "footfall_collector_cluster_limits_active"}),
        Panel("Viewers of the live page", {"viewers": "sum(footfall_dashboard_viewers)"}),
        Panel(
            "Requests of dashboard and registry",
            {
                "dashboard {{status}}": _rate("footfall_dashboard_requests_total", "status"),
                "registry {{status}}": _rate("footfall_registry_requests_total", "status"),
            },
            "reqps",
        ),
    ],
)


def overview() -> str:
    """Collector, and how far everything behind it is."""
    rows = [_COLLECTOR, _PIPELINE, _TROUBLE, _SESSIONS, _PROCESSES]
    return dashboard("footfall-overview", "footfall: overview", "The way of events, from requests to rows.", rows)


def stream_app() -> str:
    """Folds, checkpoints, recoveries and partitions of the stream app."""
    rows = [
        Row(
            "Work",
            [
                Panel(
                    "Events by outcome", {"{{outcome}}": _rate("footfall_stream_events_total", "outcome")}, "ops"
                ),
                Panel("Records behind, by partition", {"{{partition}}": "footfall_stream_partition_lag_records"}),
                Panel("Time to fold a batch", {"mean": _mean("footfall_stream_fold_seconds")}, "s"),
                Panel("Partitions by worker", {"{{instance}}": "footfall_stream_partitions"}),
                Panel(
                    "Partitions of the topic and with a worker",
                    {
                        "of the topic": "max(footfall_stream_topic_partitions)",
                        "with a worker": "sum(footfall_stream_partitions)",
                    },
                ),
                Panel(
                    "Speed of the partitions",
                    {"{{partition}}": "rate(footfall_stream_partition_offset[$__rate_interval])"},
                    "ops",
                ),
            ],
        ),
        Row(
            "State",
            [
                Panel("Time of a checkpoint", _quantiles("footfall_stream_checkpoint_seconds"), "s"),
                Panel(
                    "Bytes of checkpoints", {"a second": _rate("footfall_stream_checkpoint_bytes_total")}, "Bps"
                ),
                Panel("Last recovery", {"{{instance}}": "footfall_stream_recovery_seconds"}, "s"),
                Panel("Recoveries", {"{{instance}}": "increase(footfall_stream_recoveries_total[1h])"}),
                Panel(
                    "How far back repeats are known", {"{{instance}}": "footfall_stream_dedup_window_seconds"}, "s"
                ),
                Panel(
                    "What must not happen",
                    {
                        "records lost": "sum(footfall_stream_records_lost_to_retention_total)",
                        "foreign writes": "sum(footfall_stream_changelog_foreign_writes_total)",
                    },
                ),
            ],
        ),
        _PROCESSES,
    ]
    return dashboard("footfall-stream-app", "footfall: stream app", "How the live counts are made.", rows)


_LANDING = Row(
    "Landing",
    [
        Panel(
            "Records a second",
            {
                "rows": _rate("footfall_sink_rows_total"),
                "duplicates": _rate("footfall_sink_duplicates_total"),
                "erased": _rate("footfall_sink_erased_total"),
                "dead letters": _rate("footfall_sink_dead_letters_total"),
            },
            "ops",
        ),
        Panel("From Kafka to the commit, oldest of a batch", _quantiles("footfall_sink_latency_seconds"), "s"),
        Panel(
            "Time of a batch, on average",
            {
                "reading": _mean("footfall_sink_decode_seconds"),
                "writing": _mean("footfall_sink_write_seconds"),
                "of that the commit": _mean("footfall_sink_commit_seconds"),
            },
            "s",
        ),
        Panel("Records behind, by sink", {"{{instance}}": "footfall_sink_lag_records"}),
        Panel(
            "Batches out of the ordinary",
            {
                "merged": _rate("footfall_sink_merge_fallbacks_total"),
                "refused, another owner": _rate("footfall_sink_fenced_total"),
                "Postgres could not, {{sqlstate_class}}": _rate(
                    "footfall_sink_write_retries_total", "sqlstate_class"
                ),
                "too slow, tried smaller": _rate("footfall_sink_batch_shrinks_total"),
                "positions read": _rate("footfall_sink_assignments_total"),
            },
            "ops",
        ),
        Panel("Sinks that land", {"{{instance}}": "footfall_sink_ready"}),
        Panel(
            "Sinks that wait",
            {
                "{{instance}}: breaker open": "footfall_sink_breaker_open",
                "{{instance}}: halted": "footfall_sink_halted",
                "{{instance}}: share of time paused": "rate(footfall_sink_paused_seconds_total[$__rate_interval])",
            },
        ),
    ],
)
_BESIDE = Row(
    "Dead letters and the canary",
    [
        Panel(
            "Dead letters on their way to the topic",
            {
                "waiting": "max(footfall_sink_dead_letters_pending)",
                "sent a second": _rate("footfall_sink_dead_letters_published_total"),
            },
        ),
        Panel(
            "Dead letters by reason",
            {"{{reason}}": _rate("footfall_sink_dead_letters_total", "reason")},
            "ops",
        ),
        Panel("Canary, from sending to its row", _quantiles("footfall_canary_seconds"), "s"),
        Panel(
            "Canaries that did not arrive", {"{{stage}}": _rate("footfall_canary_failures_total", "stage")}, "ops"
        ),
    ],
)
_POSTGRES = Row(
    "Postgres",
    [
        Panel("Size of the database", {"bytes": "max(footfall_postgres_bytes)"}, "bytes"),
        Panel("Days ahead with a partition", {"days": "min(footfall_postgres_days_ahead)"}),
        Panel("Days by state", {"{{state}}": "max by (state) (footfall_postgres_days)"}),
        Panel(
            "Waiting for a person",
            {
                "dead letters": "max(footfall_postgres_dead_letters)",
                "erasures": "max(footfall_postgres_pending_erasures)",
                "unexplained records": "max(footfall_postgres_unaccounted_records)",
                "records gone from Kafka": "sum(footfall_sink_records_lost_to_retention_total)",
            },
        ),
        Panel(
            "Since the last",
            {
                "maintenance": "time() - max(footfall_postgres_maintained_timestamp_seconds)",
                "look at the database": "time() - max(footfall_postgres_checked_timestamp_seconds)",
            },
            "s",
        ),
    ],
)


def storage() -> str:
    """Landing, dead letters, and the database."""
    rows = [_LANDING, _BESIDE, _POSTGRES, _PROCESSES]
    return dashboard("footfall-storage", "footfall: sinks and storage", "How events become rows, and stay.", rows)
