"""Bytes and values: what crosses a wire, without I/O, clock or framework."""
