"""One piece of equipment behind one gateway of one site, as rows."""

from sqlalchemy.orm import Session

from server.assets.model import Equipment, Gateway, Site


def add_equipment(
    session: Session,
    key: str,
    *,
    at: int,
    equipment_class: str = "",
    profile: str = "",
    words: tuple[str, str] = ("Device", "设备"),
) -> Equipment:
    """Add site, gateway and equipment of a key ``site/gateway/device``; ``words``: en and zh."""
    site_key, gateway_key, _ = key.split("/")
    site = Site(key=site_key)
    session.add(site)
    session.flush()
    gateway = Gateway(key=f"{site_key}/{gateway_key}", site_id=site.id, online=True, since_at=at)
    session.add(gateway)
    session.flush()
    equipment = Equipment(
        key=key,
        site_id=site.id,
        gateway_id=gateway.id,
        equipment_class=equipment_class,
        profile=profile,
        name_en=words[0],
        name_zh=words[1],
        online=True,
        since_at=at,
    )
    session.add(equipment)
    session.flush()
    return equipment
