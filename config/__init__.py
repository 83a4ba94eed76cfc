"""Closed, frozen configuration: agent file, server file, device files, equipment classes."""
