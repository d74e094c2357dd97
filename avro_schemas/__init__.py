"""The contract: event schemas, topic descriptions, schema ids, codec and checks."""
