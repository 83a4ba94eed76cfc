"""Closed, frozen configuration: the agent file, the server file, device files and equipment classes."""
