"""Slaves on an M-Bus, on a line of bytes."""
