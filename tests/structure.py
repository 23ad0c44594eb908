"""Counts of what makes the code hard to change: `python tests/structure.py`, over the files that git tracks.

Each count has a finder below, which returns one line for each thing found; `findings` has them all, `counts` how many.
"""

import ast
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).parent.parent
PACKAGES = ("convff", "labels", "cam")
LONG_FILE = 250  # lines
WIDE = 120  # columns
RULES_FOLDER = "convff/rules/"
RULE_NAMES = {"ff", "hebbff", "bp"}
NAMES_OF_A_RULE = {"rule", "rule_name"}

# When an import happens: with the module, for the type checker alone, or later: in a function, or as a script.
When = Literal["at once", "for types", "later"]


@dataclass(frozen=True)
class Source:
    """A Python file.

    Args:
        path: from the root of the repository, with `/`.
        text: what it holds.
    """

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.text, self.path)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """All nodes of the tree."""
        return list(ast.walk(self.tree))

    @cached_property
    def imports(self) -> list[tuple[When, ast.Import | ast.ImportFrom]]:
        """Every import, and when it happens."""
        return list(import_statements(self.tree))

    @property
    def module(self) -> str:
        """The dotted name."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def lines_of(self, nodes: Iterable[ast.expr | ast.stmt | ast.pattern]) -> list[str]:
        """The place and the first line of each node, from the top of the file."""
        lines = self.text.splitlines()
        return [
            f"{self.path}:{number}: {lines[number - 1].strip()}" for number in sorted(node.lineno for node in nodes)
        ]


@cache
def sources() -> list[Source]:
    """The Python files that git tracks, but for the tests."""
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    paths = [path for path in listed.stdout.splitlines() if not path.startswith("tests/") and (ROOT / path).exists()]
    return [Source(path, (ROOT / path).read_text(encoding="utf-8")) for path in paths]


def long_files(files: list[Source]) -> list[str]:
    """The files of more than `LONG_FILE` lines."""
    lengths = {source.path: len(source.text.splitlines()) for source in files}
    return [f"{path}: {lines} lines" for path, lines in lengths.items() if lines > LONG_FILE]


def import_statements(node: ast.AST, when: When = "at once") -> Iterator[tuple[When, ast.Import | ast.ImportFrom]]:
    """Every import below a node, and when it happens."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield when, child
        elif isinstance(child, ast.If):
            test = ast.unparse(child.test)
            inside: When = "for types" if "TYPE_CHECKING" in test else "later" if "__name__" in test else when
            yield from import_statements(ast.Module(child.body, []), inside)
            yield from import_statements(ast.Module(child.orelse, []), when)
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from import_statements(child, "later" if when == "at once" else when)
        else:
            yield from import_statements(child, when)


def imported_modules(node: ast.Import | ast.ImportFrom, modules: set[str]) -> set[str]:
    """Which of our modules an import names: the submodule where the name is one, else the module that holds it.

    The packages above a module are not counted: their `__init__` imports it, so that each would be a circle.
    """
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names} & modules
    names = {f"{node.module}.{alias.name}" for alias in node.names}
    return {name if name in modules else str(node.module) for name in names} & modules


def own_imports(files: list[Source], wanted: When) -> list[str]:
    """The imports of our own modules that happen then."""
    modules = {source.module for source in files}
    found = []
    for source in files:
        found += source.lines_of(
            node for when, node in source.imports if when == wanted and imported_modules(node, modules)
        )
    return found


def import_circles(files: list[Source], counted: set[When]) -> list[str]:
    """Sets of modules each of which imports all others of the set, directly or through further ones."""
    modules = {source.module for source in files}
    edges: dict[str, set[str]] = defaultdict(set)
    for source in files:
        for when, node in source.imports:
            if when in counted:
                edges[source.module] |= imported_modules(node, modules) - {source.module}
    reached = {module: _reached(module, edges) for module in modules}
    circles = {
        tuple(sorted(other for other in reached[module] if module in reached[other]))
        for module in modules
        if module in reached[module]
    }
    return [", ".join(circle) for circle in sorted(circles)]


def _reached(start: str, edges: dict[str, set[str]]) -> set[str]:
    """The modules that can be reached along the imports; the start itself only around a circle."""
    reached: set[str] = set()
    waiting = list(edges[start])
    while waiting:
        module = waiting.pop()
        if module not in reached:
            reached.add(module)
            waiting += edges[module]
    return reached


def rules_told_by_name(files: list[Source]) -> list[str]:
    """Find comparisons of a rule with a name, outside the rules and the presets."""
    found = []
    for source in filter(_may_not_know_rules, files):
        nodes: list[ast.expr | ast.pattern] = []
        for node in source.nodes:
            if isinstance(node, ast.expr) and _compares_a_rule(node):
                nodes.append(node)
            elif isinstance(node, ast.Match) and _is_rule(node.subject):
                nodes += [case.pattern for case in node.cases if _has_value(case.pattern)]
        found += source.lines_of(nodes)
    return found


def rules_looked_up(files: list[Source]) -> list[str]:
    """Find look-ups of a rule in data tables keyed by rules: figures of a paper, ranges of a search."""
    looked_at = [source for source in files if _may_not_know_rules(source)]
    tables = {name for source in looked_at for name in _tables_of_rules(source)}
    found = []
    for source in looked_at:
        nodes = [node for node in source.nodes if isinstance(node, ast.expr) and _looks_up_a_rule(node, tables)]
        found += source.lines_of(nodes)
    return found


def _may_not_know_rules(source: Source) -> bool:
    return not source.path.startswith(RULES_FOLDER) and "presets" not in source.path


def _is_rule(node: ast.AST) -> bool:
    """Whether an expression is called a rule: `rule`, `settings.rule`, `run["rule"]`."""
    if isinstance(node, ast.Subscript):
        return isinstance(node.slice, ast.Constant) and node.slice.value in NAMES_OF_A_RULE
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return name in NAMES_OF_A_RULE


def _is_text(node: ast.AST) -> bool:
    """Whether an expression is a string, or several."""
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return any(map(_is_text, node.elts))
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _has_value(pattern: ast.pattern) -> bool:
    """Whether a `case` asks for a value: `case "ff"`, `case "ff" | "hebbff"`."""
    return any(isinstance(part, ast.MatchValue) for part in ast.walk(pattern))


def _compares_a_rule(node: ast.expr) -> bool:
    if not isinstance(node, ast.Compare):
        return False
    sides = (node.left, *node.comparators)
    return any(map(_is_rule, sides)) and any(map(_is_text, sides))


def _looks_up_a_rule(node: ast.expr, tables: set[str]) -> bool:
    """Whether a rule is looked up, by `[...]` or `.get(...)`, in a table keyed by the names of rules."""
    if isinstance(node, ast.Subscript):
        table, keys = node.value, [node.slice]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
        table, keys = node.func.value, node.args[:1]
    else:
        return False
    named = isinstance(table, ast.Name) and table.id in tables
    return (named or _keyed_by_rules(table)) and any(_is_rule(part) for key in keys for part in ast.walk(key))


def _tables_of_rules(source: Source) -> Iterator[str]:
    """Names of the dicts that are written with names of rules as keys."""
    for node in source.nodes:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and _keyed_by_rules(node.value):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name):
                    yield target.id


def _keyed_by_rules(node: ast.AST) -> bool:
    if not isinstance(node, ast.Dict):
        return False
    keys = [part for key in node.keys if key for part in (key.elts if isinstance(key, ast.Tuple) else [key])]
    return any(isinstance(key, ast.Constant) and key.value in RULE_NAMES for key in keys)


def rules_told_by_class(files: list[Source], *, protocols: bool) -> list[str]:
    """`isinstance`, `issubclass` and `case` with a class that `convff/rules/` defines, outside it and the presets.

    Args:
        files: where to look.
        protocols: look for tests of what a rule offers, which a new rule can pass, and not of which rule it is.
    """
    classes = {
        node.name
        for source in files
        if source.path.startswith(RULES_FOLDER)
        for node in source.nodes
        if isinstance(node, ast.ClassDef) and ("Protocol" in map(ast.unparse, node.bases)) == protocols
    }
    found = []
    for source in filter(_may_not_know_rules, files):
        nodes: list[ast.expr | ast.pattern] = []
        for node in source.nodes:
            if isinstance(node, ast.Call | ast.MatchClass) and classes & _tested_classes(node):
                nodes.append(node)
        found += source.lines_of(nodes)
    return found


def _tested_classes(node: ast.Call | ast.MatchClass) -> set[str]:
    """The names in the classes that something is tested for being of; none for any other call."""
    if isinstance(node, ast.MatchClass):
        kinds = [node.cls]
    else:
        kinds = node.args[1:] if ast.unparse(node.func) in ("isinstance", "issubclass") else []
    parts = [part for kind in kinds for part in ast.walk(kind)]
    names = {part.id for part in parts if isinstance(part, ast.Name)}
    return names | {part.attr for part in parts if isinstance(part, ast.Attribute)}


def wirings(files: list[Source]) -> list[str]:
    """Find functions that lead the output of each block of a network into the next one.

    Told by a loop that calls `.beside(...)`, or `.pool(...)` of what it loops over. A network's method `route` is where
    it belongs: there is one for each kind of network.
    """
    return [
        f"{source.path}:{node.lineno}: {node.name}"
        for source in files
        if source.path.startswith(("convff/", "experiments/"))
        for node in source.nodes
        if isinstance(node, ast.FunctionDef) and any(map(_wires_blocks, _own_nodes(node)))
    ]


def _own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """All that is below a node, but not in the functions defined there."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.Lambda):
            yield child
            yield from _own_nodes(child)


def _wires_blocks(loop: ast.AST) -> bool:
    if not isinstance(loop, ast.For | ast.While):
        return False
    looped = (
        {part.id for part in ast.walk(loop.target) if isinstance(part, ast.Name)} if isinstance(loop, ast.For) else None
    )
    for node in _own_nodes(loop):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of_loop = looped is None or (isinstance(node.func.value, ast.Name) and node.func.value.id in looped)
            if node.func.attr == "beside" or (node.func.attr == "pool" and of_loop):
                return True
    return False


def names_from_below(files: list[Source]) -> list[str]:
    """Names that experiments and examples import from below the `__init__` of a package, one line a name."""
    found = []
    for source in files:
        if source.path.startswith(("experiments/", "examples/")):
            for _, node in source.imports:
                modules = [str(node.module)] if isinstance(node, ast.ImportFrom) else []
                names = [f"{module}.{alias.name}" for module in modules for alias in node.names]
                names += [] if modules else [alias.name for alias in node.names]
                below = any(name.startswith(f"{package}.") for name in modules or names for package in PACKAGES)
                found += [f"{source.path}:{node.lineno}: {name}" for name in names if below]
    return found


def findings() -> dict[str, list[str]]:
    """What was found in the code, by what it is a count of."""
    files = sources()
    below, wired = names_from_below(files), wirings(files)
    return {
        f"files of over {LONG_FILE} lines": long_files(files),
        "import circles": import_circles(files, {"at once"}),
        "import circles, with imports for types": import_circles(files, {"at once", "for types"}),
        "import circles, with all imports": import_circles(files, {"at once", "for types", "later"}),
        "own imports for types alone": own_imports(files, "for types"),
        "own imports in functions or as a script": own_imports(files, "later"),
        "tests of a rule's name": rules_told_by_name(files),
        "look-ups of a rule in tables of data": rules_looked_up(files),
        "tests of a rule's class": rules_told_by_class(files, protocols=False),
        "tests of what a rule offers (protocols)": rules_told_by_class(files, protocols=True),
        "wirings of blocks: routes of networks": [line for line in wired if line.endswith(": route")],
        "wirings of blocks elsewhere": [line for line in wired if not line.endswith(": route")],
        "imports of names from below a package": below,
        "different names from below a package": sorted({line.split(": ")[1] for line in below}),
        "public functions and classes without an example": without_example(files),
    }


def public(files: list[Source]) -> Iterator[tuple[Source, ast.FunctionDef | ast.ClassDef]]:
    """The functions and classes on the first level of modules whose names have no underscore in front."""
    for source in files:
        for node in source.tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                yield source, node


def without_example(files: list[Source]) -> list[str]:
    """Public functions and classes whose docstring has no example that the tests run."""
    return [
        f"{source.path}:{node.lineno}: {node.name}"
        for source, node in public(files)
        if ">>>" not in (ast.get_docstring(node) or "")
    ]


def example_counts() -> dict[str, int]:
    """How many of the public functions and classes have an example that runs, in per cent."""
    files = [source for source in sources() if not source.path.startswith("examples/")]
    library = [source for source in files if source.path.startswith(tuple(f"{package}/" for package in PACKAGES))]
    return {
        f"per cent of public functions and classes with an example, {name}": round(
            100 - 100 * len(without_example(part)) / len(list(public(part)))
        )
        for name, part in (("library", library), ("library and experiments", files))
    }


def counts() -> dict[str, int]:
    """How many of each finding there are, the share of examples, and the size of the README."""
    return {name: len(lines) for name, lines in findings().items()} | example_counts() | readme_counts()


def readme_counts() -> dict[str, int]:
    """The words, lines and pictures of the README, and its lines over `WIDE` columns."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return {
        "README words": len(text.split()),
        "README lines": len(text.splitlines()),
        "README pictures": text.count("!["),
        f"README lines over {WIDE} columns": sum(len(line) > WIDE for line in text.splitlines()),
    }


def main() -> None:
    """Print what was found, then a line a count."""
    for name, lines in findings().items():
        sys.stdout.write("\n".join([f"## {name}", *(f"  {line}" for line in lines)]) + "\n\n")
    sys.stdout.write("".join(f"{name}: {count}\n" for name, count in counts().items()))


if __name__ == "__main__":
    main()
