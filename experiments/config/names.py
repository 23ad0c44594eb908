"""Names that the command line offers, read from the tables that hold them.

Importing a table would import torch, and `--help` would take seconds. So its keys are read from the source text: a new
row of a table is offered without an edit anywhere else.
"""

import ast
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent  # the folder of all our packages, in a checkout or installed
SHARED_NAMES = ("labels", "cam")  # of our packages, which somebody else's may have too
PLAIN = (ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.JoinedStr)  # values that cannot be called
INNER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)  # what has names of its own
HIDDEN = {"globals", "vars", "exec", "setattr"}  # functions that may bind any name


def names_in(file: str, table: str) -> tuple[str, ...]:
    """Return the keys of a table, a dict literal at the top level of a file.

    Args:
        file: path of the file below the folder of the packages.
        table: name of the table.

    Raises:
        LookupError: the file has no such table, or a key is not a plain string.
        ForeignNameError: the package is somebody else's.

    Example:
        >>> names_in("convff/rules/__init__.py", "RULES")
        ('ff', 'hebbff', 'local_head', 'softhebb', 'ghl', 'recurrent', 'bp')
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
    if Path(file).parts[0] in SHARED_NAMES:
        from convff import require_ours  # imports torch

        require_ours(Path(file).parts[0])
    raise LookupError(f"{file} has no table {table} with plain strings for keys")


def bound_in(file: Path) -> dict[str, bool] | None:
    """Return the names that a Python file holds once it has run, without running it.

    Args:
        file: the file.

    Returns:
        name to whether it may be a class or a function; None if only running the file would tell, for example after
        `from other import *`.

    Raises:
        OSError: the file cannot be read.
        SyntaxError: it is not Python.
        ValueError: it holds a null byte.

    Example:
        >>> bound = bound_in(Path(__file__))
        >>> bound["bound_in"], "missing" in bound
        (True, False)
    """
    with warnings.catch_warnings(action="ignore"):  # those of the user's file, which running it gives again
        module = ast.parse(file.read_bytes(), str(file))
    bound: dict[str, bool] = {}
    waiting: list[ast.AST] = [module]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Assign) and isinstance(node.value, PLAIN) and isinstance(node.targets[0], ast.Name):
            bound.setdefault(node.targets[0].id, False)
            continue
        bound |= dict.fromkeys(_bound_by(node), True)
        if not isinstance(node, INNER):
            waiting += reversed(list(ast.iter_child_nodes(node)))
    names = {each.id for each in ast.walk(module) if isinstance(each, ast.Name)}
    unclear = "*" in bound or "__getattr__" in bound or names & HIDDEN
    return None if unclear or any(isinstance(each, ast.Global) for each in ast.walk(module)) else bound


def _bound_by(node: ast.AST) -> list[str]:
    """Return the names that a statement or expression binds by itself, without those inside it."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [(each.asname or each.name).partition(".")[0] for each in node.names]
    if isinstance(node, ast.Name):
        return [node.id] if isinstance(node.ctx, ast.Store) else []
    if isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
        return [node.name]
    return []
