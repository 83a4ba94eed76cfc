"""Why an alarm is not announced: shelved, in maintenance, or explained by an outage."""
