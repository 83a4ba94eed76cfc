"""Simulated equipment: the device side of each protocol and a scripted estate."""
