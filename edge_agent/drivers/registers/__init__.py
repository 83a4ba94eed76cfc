"""Devices of registers: points to blocks, blocks to readings."""
