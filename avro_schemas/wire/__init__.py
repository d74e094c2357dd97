"""Values in Confluent wire format, written and read: any value, and events at speed."""
