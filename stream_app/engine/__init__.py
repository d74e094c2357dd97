"""Faust made exact: one event per fetched batch, the position in the state, atomic checkpoints.

docs/stream-app.md says why each piece is needed. Only this folder subclasses Faust and aiokafka; their private
names that it uses are listed in tests/contracts/private_names.py.
"""
