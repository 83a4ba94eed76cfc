"""Sparkplug B 3.0 payloads, topics and session rules, plus the journal acknowledgement."""
