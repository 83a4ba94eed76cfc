"""Electricity meters that speak DL/T 645, of both editions, on a simulated line."""
