"""The build of the package: a wheel has the built dashboard inside; its server needs no Node."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class DashboardHook(BuildHookInterface[Any]):
    """Builds the dashboard before its files are collected; an editable install builds it later."""

    def dependencies(self) -> list[str]:
        """What the build needs: a Node, where the machine has none."""
        builder = self._builder()
        return [] if builder.find_node() else [builder.NODE_PACKAGE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 (hatchling)
        """Build unless it is built."""
        if version != "editable":
            self._builder().build()

    def _builder(self) -> ModuleType:
        path = Path(self.root) / "server" / "dashboard" / "build.py"
        spec = importlib.util.spec_from_file_location("dashboard_build", path)
        assert spec is not None and spec.loader is not None  # noqa: S101, PT018 (a path has both)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
