"""What the judge counts, and the time in which the server could have done something."""

from dataclasses import dataclass, field


@dataclass
class Score:
    """Of one kind of thing."""

    wanted: int = 0
    lost: int = 0
    doubled: int = 0
    late: int = 0
    held_up: int = 0
    """Late because the disk stood still."""
    notes: list[str] = field(default_factory=list[str])

    def line(self, name: str) -> str:
        line = (
            f"{name:9} {self.wanted:6} wanted {self.lost:4} lost {self.doubled:4} doubled "
            f"{self.late:4} late"
        )
        return f"{line} ({self.held_up} while the disk stood still)" if self.held_up else line


class Uptime:
    """When the server was ready; the time it was not is nobody's delay."""

    def __init__(self) -> None:
        self.spans: list[tuple[int, int]] = []
        self.still: list[tuple[int, int]] = []
        """When the disk stood still: nothing can be written then, so nobody can be told."""

    def between(self, start: int, end: int) -> int:
        """Milliseconds of ``start`` to ``end`` in which the server was ready in one life.

        What a kill interrupts begins anew in the next life, so the longest of them counts.
        """
        return max((_overlap(start, end, *span) for span in self.spans), default=0)

    def able_between(self, start: int, end: int) -> int:
        """Return the same without the time in which the disk stood still."""

        def able(since: int, until: int) -> int:
            first, last = max(start, since), min(end, until)
            return last - first - sum(max(0, _overlap(first, last, *one)) for one in still)

        still = [one for one in self.still if _overlap(start, end, *one) > 0]
        met = [span for span in self.spans if _overlap(start, end, *span) > 0]
        return max((able(*span) for span in met), default=0)

    def throughout(self, start: int, end: int) -> bool:
        """Whether one life of the server lasted from before ``start`` until after ``end``."""
        return any(since <= start and end <= until for since, until in self.spans)


def _overlap(start: int, end: int, since: int, until: int) -> int:
    return min(end, until) - max(start, since)
