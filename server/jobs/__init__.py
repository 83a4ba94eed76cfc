"""What runs beside the requests: timers, the silence sweep, the outbox."""
