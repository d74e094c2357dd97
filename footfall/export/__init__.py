"""Export: the rows of days as files, each with what Postgres counts of its day."""
