"""The code of a network that a reader wrote: from a notebook to a file, and back.

Weights are plain arrays; to use them, the class that they belong to has to be known.
The suite's own are in `NETWORKS`.  Of any other, `save_model` writes the source beside
the weights.  It is run again only where that is asked for, and only if it is unchanged.
"""

import ast
import inspect
import linecache
import symtable
import sys
import types
from pathlib import Path

from .. import conv
from ..places import atomic_file
from .archive import sha256

HEADER = '"""Written by rawkit: what the network %s is made of."""\n'
PLAIN = (bool, int, float, str, tuple, type(None))  # values written as they are


def write_definition(path, network):
    """Write a class, and whatever it uses of its notebook or file, to a file of its own.

    Parameters
    ----------
    path : str or Path
    network : type

    Returns
    -------
    str
        SHA-256 of the file's bytes.

    Raises
    ------
    ValueError
        If it uses something whose source is not known, such as an array; make it a
        number, a tuple, a function or a class.
    """
    found = {}
    _collect(network.__name__, vars(sys.modules[network.__module__]), network, found)
    with atomic_file(path) as file:
        parts = [HEADER % network.__name__] + list(found.values())
        file.write("\n".join(parts).encode("utf-8"))
    return sha256(path)


def run_definition(path, name, digest):
    """Run a file of `write_definition`, and return the class of that name.

    Parameters
    ----------
    path : str or Path
    name : str
    digest : str
        SHA-256 of the file when it was written.

    Returns
    -------
    type

    Raises
    ------
    ValueError
        If the file is missing, has changed, or does not run.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError("%s: found no file, expected the definition of %s" % (path, name))
    if sha256(path) != digest:
        raise ValueError(
            "%s: found other code than when the weights were saved, expected the same; save "
            "them again, or give the class to load_model" % path
        )
    module = types.ModuleType("rawkit_definition_%s" % path.stem)
    module.__file__ = str(path)
    sys.modules.setdefault("rawkit.nn.conv", conv)  # its name in files written before
    sys.modules[module.__name__] = module  # where `inspect` looks for a class's source
    try:
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), vars(module))
        return vars(module)[name]
    except Exception as error:
        reason = "%s: %s" % (type(error).__name__, error)
        raise ValueError("%s: found that it does not run (%s)" % (path, reason)) from None


def _collect(name, space, value, found):
    """Add to `found`, in the order of need, the lines that define a name of a notebook."""
    if name in found:
        return
    if isinstance(value, types.ModuleType):
        found[name] = "import %s as %s\n" % (value.__name__, name)
    elif isinstance(value, PLAIN):
        found[name] = "%s = %r\n" % (name, value)
    elif getattr(value, "__module__", None) == space["__name__"]:
        source = _source(value, name)
        found[name] = None  # a function may use itself
        for other in sorted(_globals(symtable.symtable(source, name, "exec"))):
            if other in space:
                _collect(other, space, space[other], found)
        del found[name]
        found[name] = source
    else:
        found[name] = "from %s import %s as %s\n" % _home(value, name)


def _globals(table):
    """Names that a piece of code takes from its surroundings."""
    outside = table.get_type() != "module"
    names = {s.get_name() for s in table.get_symbols() if s.is_global() or not outside}
    for child in table.get_children():
        names |= _globals(child)
    return names


def _source(value, name):
    """The source of a class or function, in a cell as well: found by one of its functions."""
    functions = [value] + list(vars(value).values())
    codes = [f.__code__ for f in functions if isinstance(f, types.FunctionType)]
    lines = linecache.getlines(codes[0].co_filename) if codes else []
    places = [
        node.lineno - 1
        for node in (ast.parse("".join(lines)).body if lines else [])
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.name == name
    ]
    if not places:
        raise ValueError("%s: found no source, expected a class or function of a cell" % name)
    return "".join(inspect.getblock(lines[places[-1] :])).rstrip() + "\n\n"


def _home(value, name):
    """The shortest module that gives a name; its parts may move."""
    module, own = getattr(value, "__module__", None), getattr(value, "__name__", None)
    parts = (module or "").split(".")
    for end in range(1, len(parts) + 1):
        shorter = ".".join(parts[:end])
        if own and getattr(sys.modules.get(shorter), own, None) is value:
            return shorter, own, name
    raise ValueError(
        "%s: found a %s, expected a number, text, tuple, function, class or module"
        % (name, type(value).__name__)
    )
