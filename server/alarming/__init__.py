"""The use cases of alarms: from a sample to alarm, incident, order and messages, and back."""
