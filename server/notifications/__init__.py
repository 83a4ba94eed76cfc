"""How messages are sent: the worker, its channels, and what providers report."""
