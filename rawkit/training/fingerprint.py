"""What a run's result depends on: its settings, the contents of its data, its code.

Two runs of equal identity give the same weights on one machine.  Code counts by what it
does: comments, names of files and lines do not, other helpers that it calls do.
"""

import functools
import hashlib
import json
import os
import sys
import sysconfig
import types
import weakref
from pathlib import Path

import megengine
import numpy as np

from ..places import check_whole

# Of rawkit, what makes a number; that files and fast layers are handled otherwise does not.
FOLLOWED = tuple("rawkit.training." + name for name in ("losses", "optimizer", "batches"))
FOLLOWED += ("rawkit.nn.networks", "rawkit.bayer", "rawkit.noise", "rawkit.synth")
# what moved keeps the name that it had: a run that began before goes on
FORMERLY = (("rawkit.training.", "rawkit.nn."), ("rawkit.conv", "rawkit.nn.conv"))
LIBRARIES = ("stdlib", "purelib", "platlib")
LIBRARIES = tuple(os.path.realpath(sysconfig.get_paths()[name]) for name in LIBRARIES)

_hashed = {}  # contents of memory maps by id, for as long as they live


def describe_run(**parts):
    """Describe what a result depends on, in what JSON can hold.

    Parameters
    ----------
    **parts
        Numbers and text stay as they are.  An array becomes a hash of its shape, dtype
        and contents; a function or class a hash of what it does, with the values, helpers
        and arrays that it takes from around it (a notebook's own globals, for example);
        a network a hash of its code and weights.  Dictionaries and lists may hold these.

    Returns
    -------
    dict
    """
    # each on its own, so that a part that changes leaves the others as they were
    return json.loads(json.dumps({name: _describe(part, {}) for name, part in parts.items()}))


def run_identity(**parts):
    """Name what a result depends on: equal for equal contents and code, else another.

    Parameters
    ----------
    **parts : as `describe_run`

    Returns
    -------
    str
        16 hexadecimal digits.  The same in every process of one Python version.

    Examples
    --------
    >>> one = run_identity(rate=1e-3, loss=lambda pred, gt: pred - gt)
    >>> one == run_identity(loss=lambda pred, gt: pred - gt, rate=1e-3)
    True
    >>> one == run_identity(loss=lambda pred, gt: gt - pred, rate=1e-3)
    False
    """
    return _digest(json.dumps(describe_run(**parts), sort_keys=True).encode())


def _digest(data):
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def _describe(thing, seen):
    """Numbers and text as they are, containers by their parts, everything else by a hash."""
    if thing is None or isinstance(thing, (bool, int, float, str)):
        return thing
    if isinstance(thing, np.generic):
        return thing.item() if thing.dtype.kind in "biuf" else repr(thing)
    if isinstance(thing, (bytes, complex, range, type(Ellipsis), Path)):
        return repr(thing)
    if isinstance(thing, np.ndarray):
        return _array(thing)
    if isinstance(thing, megengine.Tensor):
        return _array(thing.numpy())
    if isinstance(thing, types.ModuleType):
        return "module " + _former(thing.__name__)
    if id(thing) in seen:  # code may call itself
        return "again %d" % seen[id(thing)][0]
    seen[id(thing)] = len(seen), thing  # kept alive, so that no other takes its id
    if isinstance(thing, dict):
        items = sorted(thing.items(), key=lambda item: str(item[0]))
        return {str(key): _describe(value, seen) for key, value in items}
    if isinstance(thing, (list, tuple)):
        return [_describe(value, seen) for value in thing]
    if isinstance(thing, (set, frozenset)):
        return sorted(repr(value) for value in thing)
    name, parts = _parts(thing)
    if parts is None:
        return name
    text = json.dumps(_describe(parts, seen), sort_keys=True)
    return "%s %s" % (name, _digest(text.encode()))


def _array(array):
    if id(array) in _hashed:
        return _hashed[id(array)]
    head = "%s %s" % (array.dtype.str, "x".join(map(str, array.shape)))
    digest = hashlib.blake2b(head.encode(), digest_size=8)
    for part in array if array.ndim > 2 else [array]:  # a memory map is never held as a whole
        check_whole(part)
        digest.update(np.ascontiguousarray(part).data.cast("B") if part.size else b"")
    found = "array %s %s" % (head, digest.hexdigest())
    if isinstance(array, np.memmap) and not array.flags.writeable:
        _hashed[id(array)] = found
        weakref.finalize(array, _hashed.pop, id(array), None)
    return found


def _parts(thing):
    """A name, and what there is to know of a function, class or object; None: the name says it."""
    if isinstance(thing, types.CodeType):
        constants = list(thing.co_consts)
        if constants and isinstance(constants[0], str):
            constants[0] = None  # its documentation
        return "code", [thing.co_code, constants, thing.co_names, thing.co_varnames]
    if isinstance(thing, functools.partial):
        return "partial", [thing.func, thing.args, thing.keywords]
    if isinstance(thing, (staticmethod, classmethod, types.MethodType)):
        return "method", [thing.__func__, getattr(thing, "__self__", None)]
    if isinstance(thing, property):
        return "property", [thing.fget]
    name = "%s.%s" % (getattr(thing, "__module__", None), getattr(thing, "__qualname__", ""))
    name = _former(name)
    if isinstance(thing, types.FunctionType):
        return name, _function(thing) if _is_followed(thing) else None
    if isinstance(thing, type):
        return name, [thing.__bases__, _members(thing)] if _is_followed(thing) else None
    if isinstance(thing, megengine.module.Module):
        return type(thing).__name__, [type(thing), thing.state_dict()]
    kind = type(thing)
    if callable(thing) and not _is_followed(kind):  # a library's own function
        return name if hasattr(thing, "__qualname__") else kind.__qualname__, None
    return kind.__qualname__, [kind, getattr(thing, "__dict__", {})]


def _former(name):
    for now, before in FORMERLY:
        if name.startswith(now):
            return before + name[len(now) :]
    return name


def _function(function):
    """Its code, defaults, and what it takes from around it."""
    cells = [cell.cell_contents for cell in function.__closure__ or () if _is_filled(cell)]
    names = sorted(_global_names(function.__code__))
    around = {name: function.__globals__[name] for name in names if name in function.__globals__}
    return [function.__code__, function.__defaults__, function.__kwdefaults__, cells, around]


def _is_filled(cell):
    try:
        return cell.cell_contents is not cell
    except ValueError:  # its variable has no value yet
        return False


def _global_names(code):
    inner = [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return set(code.co_names).union(*map(_global_names, inner))


def _members(kind):
    skipped = ("__doc__", "__module__", "__qualname__", "__dict__", "__weakref__")
    return {name: value for name, value in vars(kind).items() if name not in skipped}


def _is_followed(thing):
    """Whether code is the reader's own, or of rawkit what makes a number."""
    module = getattr(thing, "__module__", None) or ""
    if isinstance(thing, types.FunctionType):
        file = thing.__code__.co_filename
    else:
        file = getattr(sys.modules.get(module), "__file__", None) or "built in"
    # by its name: to a notebook its file is ../rawkit/...; typed code has a name in <>
    if module.startswith("rawkit.") and not file.startswith("<"):
        return module.startswith(FOLLOWED)
    if os.path.isabs(file):
        file = os.path.realpath(file)
    return module == "__main__" or not (file == "built in" or file.startswith(LIBRARIES))
