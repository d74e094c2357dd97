"""Programs that run once per installation: creating the topics, and the smoke test."""
