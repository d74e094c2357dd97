"""helm/files/dashboards: the rows and panels of the Grafana dashboards, but for those of the storage."""

from footfall.generate.grafana import Now, Panel, Row, dashboard
from footfall.generate.promql import mean, quantiles, rate

_ACCEPTED = 'sum(rate(footfall_collector_events_total{status="accepted"}[$__rate_interval]))'


_IS_IT_WELL = Row(
    "Is it well now",
    [
        Now(
            "Alerts that fire",
            {
                "alerts": 'count(ALERTS{namespace=~"$namespace", alertname=~"Footfall.+", alertstate="firing"})'
                " or vector(0)"
            },
            description="The alerts of footfall's rules: what each means is in its runbook.",
            thresholds=(1, 3),
        ),
        Now("Accepted events per second", {"events": _ACCEPTED}, "ops"),
        Now(
            "Requests answered with 5xx",
            {
                "5xx": f'{rate("""footfall_collector_requests_total{status=~"5.."}""")}'
                f" / {rate('footfall_collector_requests_total')}"
            },
            "percentunit",
            thresholds=(0.001, 0.01),
        ),
        Now(
            "Collectors without Kafka",
            {"collectors": "count(footfall_collector_kafka_available == 0) or vector(0)"},
            thresholds=(1, 2),
        ),
        Now("Until an event is a row", {"lag": "max(footfall_sink_lag_seconds)"}, "s", thresholds=(30, 300)),
        Now(
            "Records that nobody has counted",
            {"lag": "sum(footfall_stream_lag_records)"},
            thresholds=(10_000, 1_000_000),
        ),
    ],
    per_line=6,
    height=4,
)
_COLLECTOR = Row(
    "Collector: rate, errors, duration",
    [
        Panel("Requests by status", {"{{status}}": rate("footfall_collector_requests_total", "status")}, "reqps"),
        Panel(
            "Share of requests answered with 5xx",
            {
                "5xx": f'{rate("""footfall_collector_requests_total{status=~"5.."}""")}'
                f" / {rate('footfall_collector_requests_total')}"
            },
            "percentunit",
        ),
        Panel("Request duration", quantiles("footfall_collector_request_seconds"), "s"),
        Panel("Events by status", {"{{status}}": rate("footfall_collector_events_total", "status")}, "ops"),
        Panel(
            "Rejected and limited events by code",
            {"{{code}}": rate('footfall_collector_events_total{status=~".*rejected|limited"}', "code")},
            "ops",
        ),
        Panel("Time to Kafka's acknowledgement", quantiles("footfall_collector_publish_seconds"), "s"),
    ],
)
_PIPELINE = Row(
    "From Kafka to counts and rows",
    [
        Panel(
            "Lag in records",
            {
                "stream app": "sum(footfall_stream_lag_records)",
                "sinks": "sum(footfall_sink_lag_records)",
            },
            description="Records in the topic that have not been counted, or have not landed.",
        ),
        Panel(
            "Lag in seconds",
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
            "Since Kafka appended it. It also grows while no events arrive.",
        ),
    ],
)
_SPOOL_AND_REJECTIONS = Row(
    "Spool, rejected events and bots",
    [
        Panel("Kafka available to collectors", {"{{instance}}": "footfall_collector_kafka_available"}),
        Panel(
            "Spooled events",
            {
                "waiting": "sum(footfall_collector_spool_events)",
                "written per second": rate("footfall_collector_spooled_events_total"),
                "replayed per second": rate("footfall_collector_replayed_events_total"),
            },
        ),
        Panel(
            "Spool usage",
            {"{{instance}}": "footfall_collector_spool_bytes / (footfall_collector_spool_max_bytes > 0)"},
            "percentunit",
        ),
        Panel("Age of the oldest spooled event", {"{{instance}}": "footfall_collector_spool_age_seconds"}, "s"),
        Panel("Bytes in flight to Kafka", {"{{instance}}": "footfall_collector_in_flight_bytes"}, "bytes"),
        Panel(
            "Late acks, producer restarts, spool errors",
            {
                "late acks": rate("footfall_collector_late_acks_total"),
                "producer restarts": rate("footfall_collector_producer_restarts_total"),
                "spool error: {{kind}}": rate("footfall_collector_spool_errors_total", "kind"),
            },
            "ops",
        ),
        Panel(
            "Rejected events published",
            {"{{result}}": rate("footfall_collector_rejected_records_total", "result")},
            "ops",
        ),
        Panel(
            "Events dropped by browsers",
            {"per second": rate("footfall_collector_client_dropped_events_total")},
            "ops",
            "As reported by the SDK when it reaches the collector again.",
        ),
        Panel("Redactions", {"{{pattern}}": rate("footfall_collector_redactions_total", "pattern")}, "ops"),
        Panel(
            "Requests from bots",
            {"{{reason}}": rate("footfall_collector_bot_requests_total", "reason")},
            "reqps",
        ),
    ],
)
PROCESSES = Row(
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
    "Sessions, rate limits, dashboard and registry",
    [
        Panel(
            "Fetches of session keys",
            {
                "collector, {{result}}": rate("footfall_collector_jwks_fetches_total", "result"),
                "dashboard, {{result}}": rate("footfall_dashboard_jwks_fetches_total", "result"),
            },
            "ops",
        ),
        Panel("Cluster-wide rate limits active", {"{{instance}}": "footfall_collector_cluster_limits_active"}),
        Panel("Viewers of the live page", {"viewers": "sum(footfall_dashboard_viewers)"}),
        Panel(
            "Requests to dashboard and registry",
            {
                "dashboard {{status}}": rate("footfall_dashboard_requests_total", "status"),
                "registry {{status}}": rate("footfall_registry_requests_total", "status"),
            },
            "reqps",
        ),
    ],
)


def overview() -> str:
    """The collector, and the lag of everything behind it."""
    rows = [_IS_IT_WELL, _COLLECTOR, _PIPELINE, _SPOOL_AND_REJECTIONS, _SESSIONS, PROCESSES]
    return dashboard("footfall-overview", "footfall: overview", "Events on their way from requests to rows.", rows)


def stream_app() -> str:
    """Folds, checkpoints, recoveries and partitions of the stream app."""
    rows = [
        Row(
            "Events and partitions",
            [
                Panel(
                    "Events by outcome", {"{{outcome}}": rate("footfall_stream_events_total", "outcome")}, "ops"
                ),
                Panel("Lag by partition, in records", {"{{partition}}": "footfall_stream_partition_lag_records"}),
                Panel("Time to fold a batch", {"mean": mean("footfall_stream_fold_seconds")}, "s"),
                Panel("Partitions by worker", {"{{instance}}": "footfall_stream_partitions"}),
                Panel(
                    "Partitions of the topic, and assigned ones",
                    {
                        "of the topic": "max(footfall_stream_topic_partitions)",
                        "assigned": "sum(footfall_stream_partitions)",
                    },
                ),
                Panel(
                    "Events per second by partition",
                    {"{{partition}}": "rate(footfall_stream_partition_offset[$__rate_interval])"},
                    "ops",
                ),
            ],
        ),
        Row(
            "State",
            [
                Panel("Checkpoint duration", quantiles("footfall_stream_checkpoint_seconds"), "s"),
                Panel("Checkpoint bytes", {"per second": rate("footfall_stream_checkpoint_bytes_total")}, "Bps"),
                Panel("Duration of the last recovery", {"{{instance}}": "footfall_stream_recovery_seconds"}, "s"),
                Panel(
                    "Recoveries in the last hour",
                    {"{{instance}}": "increase(footfall_stream_recoveries_total[1h])"},
                ),
                Panel("Dedup window", {"{{instance}}": "footfall_stream_dedup_window_seconds"}, "s"),
                Panel("Uncertain events", {"{{instance}}": "footfall_stream_uncertain_events"}),
                Panel("Corrections", {"{{result}}": rate("footfall_stream_corrections_total", "result")}, "ops"),
                Panel(
                    "Lost records and foreign writes",
                    {
                        "records lost": "sum(footfall_stream_records_lost_to_retention_total)",
                        "foreign writes": "sum(footfall_stream_changelog_foreign_writes_total)",
                    },
                ),
            ],
        ),
        PROCESSES,
    ]
    return dashboard("footfall-stream-app", "footfall: stream app", "How events become live counts.", rows)
