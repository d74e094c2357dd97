"""Simulated visitors for `footfall demo`, benchmarks and screenshots."""
