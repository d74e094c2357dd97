"""People and visits: derived from rows with landing, in steps, so that they are a function of the rows alone."""
