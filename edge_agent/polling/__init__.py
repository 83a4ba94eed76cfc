"""What to read, when, and what of it to report."""
