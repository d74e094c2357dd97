"""What is kept of a visitor: hashes, classes, and texts without what names somebody."""
