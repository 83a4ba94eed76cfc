"""The time series of every point."""
