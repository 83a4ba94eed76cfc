"""OSDP: a control panel in a process of its own, and its readers as devices of a port."""
