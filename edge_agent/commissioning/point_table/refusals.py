"""Whether an import goes on although something was refused (pure)."""

from config.errors import ConfigError
from edge_agent.commissioning.point_table.outcome import Imported


def refused(name: str, imported: Imported, *, leave_out: bool, strict: bool) -> list[str]:
    """Return the rows that are left out on demand; anything else that was refused ends the import.

    Args:
        name: Of the sheet.
        imported: What its table came to.
        leave_out: Go on without the refused rows.
        strict: Refuse whatever is told as not used, too.

    Raises:
        ConfigError: Something was refused.
    """
    problems = [f"{name}, {one}" if one.row else f"{name}: {one}" for one in imported.problems]
    whole = [text for text, one in zip(problems, imported.problems, strict=True) if not one.row]
    if strict:
        whole += [f"{name}: --strict: {one}" for one in imported.unused]
        problems += [f"{name}: --strict: {one}" for one in imported.unused]
    if problems and (whole or not leave_out):
        raise ConfigError("\n".join(problems))
    if not any(one.points for one in imported.devices or [imported]):
        raise ConfigError(f"{name}: no points below the heads")
    return problems
