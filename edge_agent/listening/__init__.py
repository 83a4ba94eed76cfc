"""Ports on which the equipment speaks first: events to readings."""
