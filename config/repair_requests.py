"""Residents' repair requests in the server file."""

from pydantic import Field

from config.base import Identifier, Settings


class RepairRequestSettings(Settings):
    """Residents' repair requests (报修)."""

    public_page: bool = Field(
        default=True,
        description="False: the page behind the QR codes answers nobody; the desk takes requests.",
    )
    public_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^/?#]+(/[^?#]*)?$",
        description="http:// or https:// address of this server as residents' telephones reach it: "
        "in QR codes and messages. Absent: messages.links.base_url; without both, QR codes have "
        "the address at which the desk reads them, and messages no link.",
    )
    channel: Identifier | None = Field(
        default=None,
        description="Channel of messages.channels, aliyun_sms or tencent_sms, by which residents "
        "hear; its template is one for them. None: they are not written to.",
    )
    join_hours: float = Field(
        default=24,
        ge=0,
        le=720,
        description="A request for the same room and fault so soon after the last one joins its "
        "order, hours.",
    )
    keep_days: float = Field(
        default=90,
        gt=0,
        le=3650,
        description="Names, numbers and words of residents are deleted so long after the order is "
        "closed or cancelled, days.",
    )
    longest_days: float = Field(
        default=365,
        gt=0,
        le=3650,
        description="And so long after they were taken in any case, days.",
    )

    @property
    def join_ms(self) -> int:
        """``join_hours`` in milliseconds."""
        return round(self.join_hours * 3_600_000)
