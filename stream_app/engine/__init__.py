"""Faust made exact: one batch per event, position in the state, atomic checkpoints.

Why each piece is there stands in docs/stream-app.md. `leans_on.py` lists every private name this layer uses.
"""
