"""What stands in `helm/` and is made from its values and from the code."""
