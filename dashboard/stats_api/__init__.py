"""The Stats API: the answers of the history page for programs, with stable names, units and strict parameters."""
