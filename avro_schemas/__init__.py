"""The contract: event schemas with their ids, topic descriptions, wire format and checks."""
