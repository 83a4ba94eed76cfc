"""How long tests wait for real processes and pages."""

PATIENCE_S = 100.0
"""For what happens soon, on a machine however busy; only what never happens takes as long."""
