"""What the live page and the history page draw alike: panels, charts, times, CSV and templates."""
