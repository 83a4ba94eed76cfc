"""The tables' common base. Times are UTC milliseconds since 1970, in columns named ``*_at``."""

from typing import Any, ClassVar, cast

from sqlalchemy import JSON, BigInteger, Dialect, Integer, MetaData, Table
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

_SQLITE_END = 2**63


class PointValue(TypeDecorator[Any]):
    """A value of a point as JSON.

    SQLite makes a float of a number from 2**63 on, also where it stands as JSON; such are wrapped.
    """

    impl = JSON
    cache_ok = True
    should_evaluate_none = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:  # noqa: ANN401 (JSON)
        """Return what is stored."""
        del dialect
        large = type(value) is int and value >= _SQLITE_END
        return {"whole": str(value)} if large else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ANN401 (JSON)
        """Return what was stored."""
        del dialect
        return int(value["whole"]) if isinstance(value, dict) else value  # pyright: ignore[reportUnknownArgumentType]


class Base(DeclarativeBase):
    """All tables of the records."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar = {
        int: BigInteger().with_variant(Integer(), "sqlite"),
        dict[str, Any]: JSON,
        list[Any]: JSON,
    }


def table_of(kind: type[Base]) -> Table:
    """Return the table of a class, for statements about many rows that nobody needs as objects."""
    return cast("Table", kind.__table__)
