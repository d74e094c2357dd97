"""Generated regions of the pages in docs/: a module per page gives the lines of its regions."""
