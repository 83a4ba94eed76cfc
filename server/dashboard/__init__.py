"""The dashboard: a web application, and what builds it."""
