"""Runs of the notebooks under settings that are not those of their committed outputs."""

import ast
import copy
import re

import nbformat
from nbformat.v4 import new_code_cell

from rawkit.cli.pages import NOTEBOOKS, execute
from rawkit.nn import import_network


def new_notebook(*sources):
    """A notebook of these code cells."""
    made = nbformat.v4.new_notebook(cells=[new_code_cell(text.strip()) for text in sources])
    made.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    return made


def run(name, changes="", first=""):
    """Execute a notebook, `first` before everything; return its error line and what it printed."""
    error, texts = run_in_turn(name, [({}, changes)], first)
    return error, texts[0]


def run_in_turn(name, turns, first=""):
    """Execute a notebook several times in one kernel, which takes seconds to start.

    Each turn has its variables of the environment and its changes, and knows nothing of what
    the turn before has defined.  Return the error line and what each turn printed.
    """
    (path,) = NOTEBOOKS.glob(name + "*.ipynb")
    notebook = nbformat.read(str(path), as_version=4)
    cells, notebook.cells, ends = notebook.cells, [], [0]
    for variables, changes in turns:
        start = f"%reset -f\nimport os\nos.environ.update({variables!r})\n"
        notebook.cells += [new_code_cell(start + first)] + changed(cells, changes)
        ends.append(len(notebook.cells))
    error = execute(notebook, name)
    texts = [notebook.cells[i:j] for i, j in zip(ends, ends[1:])]
    texts = ["".join(map(printed, cells)) for cells in texts]
    warned = [line for text in texts for line in text.splitlines() if "Warning: " in line]
    assert error or all("no noise estimate was possible" in line for line in warned), warned
    return error, texts


def write_network(file):
    """Write the file of the network that notebook 03 builds, and return its class, `UNet`."""
    (path,) = NOTEBOOKS.glob("03*.ipynb")
    texts = [cell.source for cell in nbformat.read(str(path), as_version=4).cells]
    parts = [text.split("\n", 2)[2] for text in texts if "\n%%writefile" in text]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n\n".join(parts))
    return import_network(file, "UNet")


def changed(cells, changes):
    """A copy of a notebook's cells, with `changes` right after the one tagged `parameters`."""
    cells = copy.deepcopy(cells)
    place = next(i for i, c in enumerate(cells) if "parameters" in c.metadata.get("tags", ()))
    return cells[: place + 1] + [new_code_cell(changes)] + cells[place + 1 :]


def printed(cell):
    return "".join(output.get("text", "") for output in cell.get("outputs", ()))


def solve(cells):
    """A copy of a notebook's cells in which every function to be written is its folded solution.

    In a cell tagged `exercise` each function is replaced by the one of that name that stands in
    a fenced block of the notebook's text.
    """
    cells = copy.deepcopy(cells)
    texts = [cell.source for cell in cells if cell.cell_type == "markdown"]
    blocks = [block for text in texts for block in re.findall(r"```python\n(.*?)```", text, re.S)]
    for cell in cells:
        if "exercise" in cell.metadata.get("tags", ()):
            lines, tree = cell.source.splitlines(), ast.parse(cell.source).body
            functions = [(i, node) for i, node in enumerate(tree) if is_left_open(node)]
            assert functions, f"no function to write in {cell.source}"
            for i, node in reversed(functions):
                (block,) = [b for b in blocks if f"def {node.name}(" in b]
                lines[node.lineno - 1 : tree[i + 1].lineno - 1] = block.splitlines()
            cell.source = "\n".join(lines)
    return cells


def is_left_open(node):
    raises = isinstance(node, ast.FunctionDef) and isinstance(node.body[-1], ast.Raise)
    return raises and getattr(node.body[-1].exc, "id", "") == "NotImplementedError"
