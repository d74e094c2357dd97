"""The history page: any period within the retention, out of Postgres."""
