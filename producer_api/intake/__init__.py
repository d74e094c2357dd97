"""From the body of a request to events that are published, and the answer."""
