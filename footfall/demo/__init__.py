"""Made-up visitors."""
