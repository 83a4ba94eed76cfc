"""Conditions and the life of an alarm, as ISA-18.2 names it."""
