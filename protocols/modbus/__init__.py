"""Registers to values and back."""
