"""Sparkplug B over MQTT, with resend of what was not acknowledged."""
