"""Makers' own formats of fire alarm panels: a framed parser and a table of events each.

All facts come from one public source, the firmware of a transmission device, and none was tried at
a panel: what is doubtful is an option of the adapter.
"""
