"""Writes to equipment: checked, executed, read back."""
