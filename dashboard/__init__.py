"""The read side: the live page and the JSON behind it."""
