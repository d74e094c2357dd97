"""The little that all services share and that knows no event and no topic."""
