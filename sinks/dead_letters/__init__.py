"""Records that cannot land: stored with their reason, published, replayed."""
