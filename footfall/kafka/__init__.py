"""Topics, records and lag, as the command line reads them."""
