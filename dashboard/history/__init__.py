"""What happened: any range of the kept days, from Postgres."""
