"""The health of the pipeline: consumer lag, dead letters, audits, maintenance and the canary."""
