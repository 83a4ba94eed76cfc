"""Messages that arrive, or say that they did not."""
