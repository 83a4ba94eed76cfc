"""Hosts of the network that are only there or not."""
