"""The read-only schema registry for subscribers."""
