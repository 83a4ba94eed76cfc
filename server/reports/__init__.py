"""Monthly figures of an estate, computed from the lines of its orders."""
