"""What the integrator needs on site: plan, scan, read, import a point table, watch."""
