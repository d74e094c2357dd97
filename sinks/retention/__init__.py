"""A day's life: open, closed, audited, packed, detached, dropped."""
