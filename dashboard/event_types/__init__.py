"""The event types: those of the catalogue, and those that arrived without being in it."""
