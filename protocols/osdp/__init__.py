"""OSDP (IEC 60839-11-5): what readers say, and how the process of a line passes it on."""
