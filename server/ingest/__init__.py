"""From MQTT bytes to stored readings."""
