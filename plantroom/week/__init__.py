"""A week of the demo's past: readings, alarms, calls and orders, made before the server starts."""
