"""What is stored about a visitor: keyed hashes, device classes, and texts without personal data."""
