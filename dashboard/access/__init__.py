"""Access: which requests may read the dashboard, and the login that grants it."""
