"""Events in Postgres, written in one transaction with the offsets that fence a second owner."""
