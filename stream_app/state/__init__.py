"""The state of one partition: folds without I/O, a function of the log alone."""
