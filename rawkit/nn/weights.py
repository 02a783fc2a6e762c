"""Weights of networks: loading, saving and finding; the place of an exporter, too."""

import sys
import types
from pathlib import Path

import numpy as np

from ..places import ROOT, outputs_folder, show_path
from .networks import NETWORKS, count_parameters
from .tensor_files import check_meta, load_arrays, save_arrays, sha256

SHIPPED = ROOT / "data" / "weights" / "model.safetensors"
SHIPPED_BASELINE = SHIPPED.with_name("baseline.safetensors")  # trained on the same data


def get_weights(model):
    """Copy a network's weights: parameters, and buffers such as running means.

    Returns
    -------
    dict of str to ndarray, float32
    """
    return {name: np.array(array) for name, array in model.state_dict().items()}


def set_weights(model, weights, source="weights"):
    """Put weights into a network.

    Parameters
    ----------
    model : megengine.module.Module
    weights : dict of str to ndarray
    source : str or Path
        What to call them in an error.

    Raises
    ------
    ValueError
        If a name, dtype or shape does not fit; the network is left as it was.
    """
    expected = {name: ("float32", np.shape(w)) for name, w in model.state_dict().items()}
    found = {name: (str(w.dtype), w.shape) for name, w in weights.items()}
    if found != expected:
        name = min(name for name, _ in set(found.items()) ^ set(expected.items()))
        kinds = f"{name} is {found.get(name)}, expected {expected.get(name)}"
        raise ValueError(f"{source}: found weights that do not fit {type(model).__name__}: {kinds}")
    model.load_state_dict(weights)


def save_model(path, model, definition=None, **meta):
    """Write a network so that `load_model` can bring it back.

    Parameters
    ----------
    path : str or Path
        By convention NAME.safetensors.
    model : megengine.module.Module
        Where its class takes arguments, `model.config` holds them: a dict.
    definition : str or Path, optional
        Of a network that is not the suite's: the .py file that holds its class, in the same
        folder as the weights.  Its name and SHA-256 are noted; nothing is copied.
    **meta
        What a reader will want to know: training data, steps, score, command.

    Returns
    -------
    str
        SHA-256 of the file's bytes.

    Raises
    ------
    ValueError
        If such a network comes without a definition, or it does not lie next to the weights.
    """
    network, path = type(model), Path(path)
    if definition is not None:
        definition = Path(definition)
        if not definition.is_file() or definition.resolve().parent != path.resolve().parent:
            raise ValueError(f"{definition}: found no such file next to {path}, expected one")
        meta["definition"] = {"file": definition.name, "sha256": sha256(definition)}
    elif NETWORKS.get(network.__name__) is not network:
        found = f"{network.__name__}, a network that is not the suite's"
        raise ValueError(f"{path}: found {found}, expected its file as definition=")
    meta.update(network=network.__name__, config=getattr(model, "config", {}))
    meta.update(parameters=count_parameters(model))
    save_arrays(path, get_weights(model), meta)
    return sha256(path)


def load_model(path, network=None, run_code=False):
    """Read a network that `save_model` wrote.

    Parameters
    ----------
    path : str or Path
        A safetensors file; or, for one more release, an .npz file of an earlier version.
    network : type, optional
        The network's class.  None takes the file next to the weights that defines it, if the
        weights name one, and else the suite's network of that name.
    run_code : bool, or list of str
        Whether that file may be run, or the names of the files that may; it is printed first.
        Only for files that you trust.

    Returns
    -------
    model : megengine.module.Module, in evaluation mode
    meta : dict

    Raises
    ------
    FileNotFoundError, ValueError
        As `load_arrays`, or if the network is unknown or cannot be built, the file that
        defines it is missing, has changed or may not be run, or the weights do not fit.
    """
    arrays, meta = load_arrays(path)
    check_meta(path, meta, network=str, config=dict, definition=dict)
    if network is None:
        network = _find_network(Path(path), meta, run_code)
    try:
        model = network(**meta.get("config", {}))
    except Exception as error:  # a reader's own network may raise anything
        name = network.__name__
        raise ValueError(f"{path}: {name} cannot be built from its config ({error})") from error
    set_weights(model, arrays, path)
    model.eval()
    return model, meta


def _find_network(path, meta, run_code):
    """The class that weights belong to."""
    name, code = meta.get("network"), meta.get("definition")
    if code is None:
        if name not in NETWORKS:
            known = ", ".join(NETWORKS)
            raise ValueError(f"{path}: found network {name!r}, expected one of {known}")
        return NETWORKS[name]
    # only the name counts: weights must not lead to a file elsewhere
    file = path.parent / Path(str(code.get("file"))).name
    if run_code is not True and file.name not in (run_code or ()):
        expected = f"permission to run {file.name}: --run-code, or run_code=True"
        raise ValueError(f"{path}: found network {name!r}, expected {expected}")
    if not file.is_file() or sha256(file) != code.get("sha256"):
        raise ValueError(f"{file}: found no file, or other code than when {path.name} was saved")
    print(f"running {show_path(file)}")
    return import_network(file, name)


def import_network(file, name):
    """Run a .py file and return a class of it; run again, it brings what was changed.

    Parameters
    ----------
    file : str or Path
    name : str

    Returns
    -------
    type

    Raises
    ------
    ValueError
        If there is no such file, it does not run, or holds no such class.
    """
    module = types.ModuleType(f"network_in_{Path(file).stem}")
    module.__file__ = str(file)
    sys.modules[module.__name__] = module  # where `inspect` and `pickle` look
    try:
        exec(compile(Path(file).read_bytes(), str(file), "exec"), vars(module))
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(f"{file}: found that it does not run ({reason})") from error
    network = getattr(module, str(name), None)
    if not isinstance(network, type):
        raise ValueError(f"{file}: found no class {name}, expected it there")
    return network


def find_weights():
    """List the weights at hand: those that come with the suite, then your own.

    Returns
    -------
    list of (path, origin) : Path and str
    """
    own = outputs_folder() / "weights"
    found = [(path, "comes with the suite") for path in (SHIPPED, SHIPPED_BASELINE)]
    for ending in ("*.safetensors", "*.npz"):
        found += [(path, "your own") for path in sorted(own.glob(ending))]
    return found
