"""Jobs of the chart: topics, and the smoke test of an installation."""
