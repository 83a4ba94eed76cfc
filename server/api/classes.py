"""/classes: equipment classes with their points and alarm rules."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel

from config.classes import EquipmentClass
from server.api.context import Use, problems
from server.core.errors import NotFoundError

router = APIRouter(prefix="/classes", tags=["classes"], responses=problems())


class ClassList(BaseModel):
    """All classes; there are few, so one page holds them."""

    items: list[EquipmentClass]
    next_cursor: None = None


@router.get("")
def list_classes(use: Use) -> ClassList:
    """List the classes, by id."""
    return ClassList(items=[use.classes[key] for key in sorted(use.classes)])


@router.get("/{class_id}", responses=problems(404))
def get_class(class_id: Annotated[str, Path(max_length=64)], use: Use) -> EquipmentClass:
    """Show one class."""
    found = use.classes.get(class_id)
    if found is None:
        raise NotFoundError(f"no equipment class {class_id!r}; known: {', '.join(use.classes)}")
    return found
