"""The last value of every point, and what changes now."""
