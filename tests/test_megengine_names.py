"""MegStudio has MegEngine 1.8: nothing newer may be used.

Seen are names reached from an import of MegEngine; not the methods of tensors.
"""

import ast
import json

from rawkit.places import ROOT

LIST = ROOT / "tests" / "megengine_1_8_names.txt"


def sources():
    for path in sorted((ROOT / "rawkit").rglob("*.py")):
        yield path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
        yield "\n".join(line for line in code.splitlines() if not line.startswith("%"))  # magics


def used(source, known):
    """Full names of what a source uses of MegEngine; `known` maps aliases, and grows."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                if name.name.split(".")[0] == "megengine":
                    known[name.asname or "megengine"] = name.name if name.asname else "megengine"
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("megengine"):
            for name in node.names:
                known[name.asname or name.name] = f"{node.module}.{name.name}"
                yield known[name.asname or name.name]
    for node in ast.walk(tree):
        parts = []
        while isinstance(node, ast.Attribute):
            parts.insert(0, node.attr)
            node = node.value
        if parts and isinstance(node, ast.Name) and node.id in known:
            yield ".".join([known[node.id]] + parts)


def test_nothing_is_used_that_1_8_had_not():
    found = set().union(*(used(source, {}) for source in sources()))
    assert found - set(LIST.read_text().splitlines()) == set()
