"""What a run's result depends on: its settings, the contents of its data, its code.

Two runs of equal fingerprints give the same weights on one machine.  In doubt two runs count as
different: one training too many is better than an old result in place of a new one.
"""

import dis
import os
import sys
import sysconfig
import types
from collections.abc import Iterator

import joblib
import megengine
import numpy as np

# Of rawkit, what makes a number; that files and fast layers are handled otherwise does not.
FOLLOWED = tuple("rawkit.training." + name for name in ("losses", "optimizer", "batches"))
FOLLOWED += tuple("rawkit." + name for name in ("nn.networks", "nn.stabilized", "bayer"))
FOLLOWED += ("rawkit.noise", "rawkit.synth")
STDLIB = os.path.realpath(sysconfig.get_paths()["stdlib"])


def describe_run(**parts):
    """Describe what a result depends on.

    Parameters
    ----------
    **parts
        Numbers, text, arrays, networks, functions, classes, other objects, and dictionaries
        and lists of these.  Of a reader's own code, and of rawkit's that makes numbers, the
        instructions count, with the values and helpers that it takes from around it (a
        notebook's globals, for example); of a library's, its name.

    Returns
    -------
    dict of str to str
        A hash of each part.  The same in every process of one Python version.

    Examples
    --------
    >>> one = describe_run(rate=1e-3, data=np.zeros(3))
    >>> one == describe_run(data=np.zeros(3), rate=1e-3)
    True
    >>> one == describe_run(data=np.ones(3), rate=1e-3)
    False
    """
    return {name: joblib.hash(_plain(part, {})) for name, part in parts.items()}


def _plain(thing, seen):
    """A thing as nested lists of text, which hash alike in every process."""
    if isinstance(thing, megengine.Tensor):
        thing = thing.numpy()
    if isinstance(thing, np.ndarray):
        return joblib.hash(np.ascontiguousarray(thing))
    if isinstance(thing, types.ModuleType):
        return thing.__name__
    if thing is None or isinstance(thing, (bool, int, float, complex, str, bytes, np.generic)):
        return f"{type(thing).__name__} {thing!r}"
    if id(thing) in seen:  # code may call itself
        return f"again {seen[id(thing)][0]}"
    seen[id(thing)] = len(seen), thing  # kept alive, so that no other takes its id
    if isinstance(thing, dict):
        items = sorted(thing.items(), key=lambda item: str(item[0]))
        return ["dict"] + [[str(key), _plain(value, seen)] for key, value in items]
    if isinstance(thing, (set, frozenset)):
        return ["set"] + sorted(map(repr, thing))
    if isinstance(thing, (list, tuple)):
        return [type(thing).__name__] + [_plain(value, seen) for value in thing]
    if isinstance(thing, (types.FunctionType, type)):
        name = f"{thing.__module__}.{thing.__qualname__}"
        return [name, _plain(_inside(thing), seen)] if _is_followed(thing) else name
    return [type(thing).__name__, _plain(_inside(thing), seen)]


def _inside(thing):
    """What there is to know of code or an object: a list or a dictionary."""
    if isinstance(thing, types.CodeType):
        return [thing.co_code, thing.co_names, thing.co_consts]
    if isinstance(thing, types.FunctionType):
        space, names = thing.__globals__, _global_names(thing.__code__)
        around = {name: space[name] for name in names if name in space}
        cells = [cell.cell_contents for cell in thing.__closure__ or ()]
        code = thing.__code__
        values = [x for x in code.co_consts if x is None or x is not thing.__doc__]
        code = [code.co_code, code.co_names, values]
        return [code, thing.__defaults__, thing.__kwdefaults__, cells, around]
    if isinstance(thing, type):  # its other members with __ say where it was written
        functions, members = types.FunctionType, vars(thing).items()
        own = {k: v for k, v in members if isinstance(v, functions) or not k.startswith("__")}
        return [thing.__bases__, own]
    try:
        parts = thing.__reduce_ex__(2)  # what a copy would be made from
    except TypeError:  # properties, static methods
        parts = [getattr(thing, name, None) for name in ("__func__", "fget", "fset")]
    if isinstance(parts, str):  # a library's function, which may hold one of ours
        parts = [parts, getattr(thing, "__wrapped__", None)]
    return [list(part) if isinstance(part, Iterator) else part for part in parts]


def _global_names(code):
    """The global names that code reads; attributes of the same name are none."""
    loads = ("LOAD_GLOBAL", "LOAD_NAME")
    names = {step.argval for step in dis.get_instructions(code) if step.opname in loads}
    inner = [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return names.union(*map(_global_names, inner))


def _is_followed(thing):
    """Whether code is the reader's own, or of rawkit what makes a number."""
    name = thing.__module__ or ""
    if name.startswith("rawkit."):
        return name.startswith(FOLLOWED)
    module = sys.modules.get(name)
    if module is None or name == "__main__":
        return True
    file = os.path.realpath(getattr(module, "__file__", None) or STDLIB)
    packages = {"site-packages", "dist-packages"}.intersection(file.split(os.sep))
    return not (file.startswith(STDLIB) or packages)
