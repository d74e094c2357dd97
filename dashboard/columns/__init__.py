"""Column files: events of closed hours and days as Parquet, made from Postgres and queried with DuckDB."""
