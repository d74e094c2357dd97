"""The stream app: folds `events` into user rates and live aggregates, with Faust."""
