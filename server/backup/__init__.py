"""Backup and restore of a server: records, history, settings and secrets of one instant."""
