"""Readings kept until the server says that they are stored."""
