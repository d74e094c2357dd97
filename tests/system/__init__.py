"""A package, so that the shared stack ends after the last test of this folder, and not with the run."""
