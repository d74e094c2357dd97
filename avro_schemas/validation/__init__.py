"""The check of `event_data` against its schema: faults in words, and a writer that checks while it writes."""
