"""Who may read the dashboard."""
