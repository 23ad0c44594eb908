"""Names that the command line offers, read from the tables that hold them.

Importing a table would import torch, and `--help` would take seconds. So its keys are read from the source text: a new
row of a table is offered without an edit anywhere else.
"""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent  # the folder of all our packages, in a checkout or installed


def names_in(file: str, table: str) -> tuple[str, ...]:
    """Return the keys of a table, a dict literal at the top level of a file.

    Args:
        file: path of the file below the folder of the packages.
        table: name of the table.

    Raises:
        LookupError: the file has no such table, or a key is not a plain string.

    Example:
        >>> names_in("convff/rules/__init__.py", "RULES")
        ('ff', 'hebbff', 'local_head', 'bp')
    """
    for node in ast.parse((ROOT / file).read_text(encoding="utf-8")).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and target.id == table and isinstance(value, ast.Dict):
            keys = tuple(
                key.value for key in value.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)
            )
            if len(keys) == len(value.keys):
                return keys
    raise LookupError(f"{file} has no table {table} with plain strings for keys")
