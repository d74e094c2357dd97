"""The store: events in Postgres, with the offsets that fence a second owner."""
