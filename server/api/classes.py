"""/classes: equipment classes with their points and alarm rules."""

from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, Field

from config.classes import EquipmentClass
from config.code_lists import CodeList, load_code_lists
from server.access.principal import Principal
from server.access.roles import Permission
from server.api.context import Use, problems
from server.api.rights import may
from server.api.router import api_router
from server.core.errors import NotFoundError

ClassReader = Annotated[Principal, may(Permission.CLASSES_READ)]

router = api_router(prefix="/classes", tag="classes", responses=problems())


class ClassList(BaseModel):
    """All classes; there are few, so one page holds them."""

    items: list[EquipmentClass]
    code_lists: list[CodeList] = Field(description="What the words of states mean to people.")
    next_cursor: None = None


@router.get("")
def list_classes(use: Use, _caller: ClassReader) -> ClassList:
    """List the classes, by id, and the words that their states have."""
    items = [use.classes[key] for key in sorted(use.classes)]
    return ClassList(items=items, code_lists=list(load_code_lists().values()))


@router.get("/{class_id}", responses=problems(404))
def get_class(
    class_id: Annotated[str, Path(max_length=64)], use: Use, _caller: ClassReader
) -> EquipmentClass:
    """Show one class."""
    found = use.classes.get(class_id)
    if found is None:
        raise NotFoundError(f"no equipment class {class_id!r}; known: {', '.join(use.classes)}")
    return found
