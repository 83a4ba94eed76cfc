"""Meters that speak DL/T 645, on a line of bytes."""
