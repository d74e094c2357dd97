"""The sinks: raw events, dead letters and retention in Postgres."""
