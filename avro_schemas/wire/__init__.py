"""Events as bytes: the Confluent wire format, written and read."""
