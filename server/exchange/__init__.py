"""Readings as files: export to CSV and Parquet, and back-fill from them."""
