"""The Faust application: per-user rates and live aggregates."""
