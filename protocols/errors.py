"""The root of the one error tree.

PlantroomError
    ProtocolError          bytes or values that the protocol does not allow
        FrameError             a frame or payload is torn, too long or not of this protocol
        ValueRangeError        a value does not fit the type that shall carry it
    ConfigError            config/errors.py: a file is wrong; says where and what is allowed
    AgentError             edge_agent/errors.py
    ServerError            server/core/errors.py
"""


class PlantroomError(Exception):
    """Anything that Plantroom raises on purpose."""


class ProtocolError(PlantroomError):
    """Bytes or values that the protocol does not allow."""


class FrameError(ProtocolError):
    """A frame or payload is torn, too long or not of this protocol."""


class ValueRangeError(ProtocolError):
    """A value does not fit the type that shall carry it."""
