"""Hash of what a module computes: its syntax tree and those of the modules of its package that it imports.

Comments, docstrings, line breaks and blocks under TYPE_CHECKING leave the hash alone, and so does the version of Python.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

# fields that carry no meaning of their own, or that only some versions of Python have
SILENT_FIELDS = frozenset({"ctx", "kind", "type_comment", "type_ignores"})


@dataclass(frozen=True, kw_only=True)
class Package:
    """The source of a package, read without importing it.

    Attributes:
        root: The folder that holds the package's folder.
        name: The package's name; imports of other packages are not followed.
        left_out: Modules that count for nothing, such as the table of versions itself.
    """

    root: Path
    name: str
    left_out: frozenset[str] = frozenset()
    trees: dict[str, ast.Module] = field(default_factory=dict)

    def path(self, module: str) -> Path | None:
        """The file of a dotted module name; None when there is none."""
        base = self.root.joinpath(*module.split("."))
        candidates = (base.with_suffix(".py"), base / "__init__.py")
        return next((path for path in candidates if path.is_file()), None)

    def tree(self, module: str) -> ast.Module:
        """The module's syntax tree without docstrings and without what only a type checker reads.

        Raises:
            LookupError: the package has no such module.
        """
        if module not in self.trees:
            path = self.path(module)
            if path is None:
                raise LookupError(f"There is no module {module} under {self.root}.")
            self.trees[module] = _Stripped().visit(ast.parse(path.read_text(encoding="utf-8")))
        return self.trees[module]

    def hash(self, modules: tuple[str, ...]) -> str:
        """16 hexadecimal digits for modules together with all that they import inside the package."""
        digest = hashlib.sha256()
        for module in sorted(self.closure(modules)):
            digest.update(f"{module}\n{canonical(self.tree(module))}\n".encode())
        return digest.hexdigest()[:16]

    def closure(self, modules: tuple[str, ...]) -> set[str]:
        """The modules and, over any number of steps, those of the package that they import."""
        found: set[str] = set()
        waiting = list(modules)
        while waiting:
            module = waiting.pop()
            if module not in found:
                found.add(module)
                waiting.extend(self.imports(module) - self.left_out)
        return found

    def imports(self, module: str) -> set[str]:
        """Modules of the package that a module imports, names passed on by an `__init__` followed to their source."""
        found: set[str] = set()
        for node in ast.walk(self.tree(module)):
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names if self.path(alias.name) and self.owns(alias.name))
            elif isinstance(node, ast.ImportFrom):
                source = self.source(module, node)
                if self.owns(source):
                    found.update(self.defining(source, alias.name) for alias in node.names)
        return found

    def owns(self, module: str) -> bool:
        """Whether a dotted name lies in this package."""
        return module == self.name or module.startswith(self.name + ".")

    def source(self, module: str, node: ast.ImportFrom) -> str:
        """The absolute name of the module that a from-import reads, relative dots resolved."""
        if not node.level:
            return node.module or ""
        path = self.path(module)
        parts = module.split(".") if path and path.name == "__init__.py" else module.split(".")[:-1]
        kept = parts[: len(parts) - node.level + 1]
        return ".".join(kept + ([node.module] if node.module else []))

    def defining(self, source: str, name: str) -> str:
        """The module that defines `name` in `from source import name`; a name that is itself a module is that one."""
        submodule = f"{source}.{name}"
        if self.path(submodule):
            return submodule
        path = self.path(source)
        if path is None or path.name != "__init__.py":
            return source
        for node in ast.walk(self.tree(source)):
            if isinstance(node, ast.ImportFrom) and self.owns(self.source(source, node)):
                for alias in node.names:
                    if (alias.asname or alias.name) == name:
                        return self.defining(self.source(source, node), alias.name)
        return source


class _Stripped(ast.NodeTransformer):
    """Drops bare strings (docstrings, notes on attributes) and `if TYPE_CHECKING:` blocks."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if text else node

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        if ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            return node.orelse
        return node


def canonical(node: object) -> str:
    """A text form of a syntax tree; `ast.dump` prints the same tree differently from one Python to the next."""
    if isinstance(node, ast.AST):
        return f"{type(node).__name__}({','.join(_fields(node))})"
    if isinstance(node, list):
        return f"[{','.join(canonical(item) for item in node)}]"
    return repr(node)


def _fields(node: ast.AST) -> Iterator[str]:
    for name, value in ast.iter_fields(node):
        if name not in SILENT_FIELDS and value is not None and value != []:
            yield f"{name}={canonical(value)}"
        elif name == "value" and isinstance(node, ast.Constant):
            yield "value=None"
