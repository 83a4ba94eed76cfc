"""HTTP in a process of its own, so that no reader takes time from the alarm chain (ADR-23)."""
