"""From the body of a request to events ready to publish."""
