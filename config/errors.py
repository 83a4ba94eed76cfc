"""What is wrong with a configuration file."""

from protocols.errors import PlantroomError


class ConfigError(PlantroomError):
    """A configuration file is wrong; the message names file, path, value and what is allowed."""
