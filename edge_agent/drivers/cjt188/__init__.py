"""Meters that speak CJ/T 188, on a line of bytes."""
