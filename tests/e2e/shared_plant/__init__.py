"""Tests that take turns at one plant."""
