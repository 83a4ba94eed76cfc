"""Whether a rule holds: one engine over samples, in event time."""
