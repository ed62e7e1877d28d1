"""What the guides say, done."""
