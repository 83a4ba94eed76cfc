"""Models of plant: what each kind of equipment measures at any time, and what can go wrong."""
