"""The state of one partition: a function of its log, without I/O and without any client library."""
