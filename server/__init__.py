"""The server: history, alarms, incidents, work orders, messages and the HTTP interface."""
