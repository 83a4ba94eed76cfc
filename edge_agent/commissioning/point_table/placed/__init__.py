"""Point tables of what has no registers: meters, slaves, hosts, readers of doors."""
