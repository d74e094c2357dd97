"""Sends events from Python backends to a footfall collector. Never blocks or raises in the application."""

from footfall_client.client import Client
from footfall_client.context import Context, context, set_context
from footfall_client.counters import Counters

__all__ = ["Client", "Context", "Counters", "context", "set_context"]
