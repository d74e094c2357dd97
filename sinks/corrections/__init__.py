"""Corrections: what the judge of repeats reports to the stream app, written with the rows and published later."""
