"""The gateway: polls equipment, journals every reading, publishes Sparkplug B."""
