"""Weights of networks: in and out of files, and where to find them."""

from pathlib import Path

import numpy as np

from ..places import ROOT, outputs_folder, show_path
from .archive import load_arrays, load_meta, save_arrays, sha256
from .definitions import run_definition, write_definition
from .networks import NETWORKS, check_name, count_parameters, is_own

SHIPPED = ROOT / "data" / "weights" / "model.npz"
SHIPPED_BASELINE = SHIPPED.with_name("baseline.npz")  # trained on the same data


def get_weights(model):
    """Copy a network's weights: parameters, and buffers such as running means.

    Returns
    -------
    dict of str to ndarray, float32
    """
    return {name: np.array(array) for name, array in model.state_dict().items()}


def weight_shapes(model):
    """Names and shapes of a network's weights, a dict."""
    return {name: np.shape(array) for name, array in model.state_dict().items()}


def set_weights(model, weights, source="weights"):
    """Put weights into a network.

    Parameters
    ----------
    model : megengine.module.Module
    weights : dict of str to ndarray
    source : str
        What to call them in an error.

    Raises
    ------
    ValueError
        If a name, dtype or shape does not fit; the network is left as it was.
    """
    expected = {name: ("float32", shape) for name, shape in weight_shapes(model).items()}
    found = {name: (str(array.dtype), np.shape(array)) for name, array in weights.items()}
    if found != expected:
        odd = sorted(set(found.items()) ^ set(expected.items()))[0]
        raise ValueError(
            "%s: found weights that do not fit %s, first at %s %s %s"
            % (source, type(model).__name__, odd[0], odd[1][0], odd[1][1])
        )
    model.load_state_dict(weights)


def save_model(path, model, **meta):
    """Write a network so that `load_model` can bring it back.

    Of a network that is not the suite's, the class and what it uses are written as well,
    to a file beside the weights: see `rawkit.nn.definitions`.

    Parameters
    ----------
    path : str or Path
    model : megengine.module.Module
        Where its class takes arguments, `model.config` holds them: a dict.
    **meta
        What a reader will want to know: training data, steps, score, command.

    Returns
    -------
    str
        SHA-256 of the file's bytes.

    Raises
    ------
    ValueError
        If the class cannot be written, or has the name of one of the suite's.
    """
    network = type(model)
    meta = dict(
        meta,
        network=network.__name__,
        config=getattr(model, "config", {}),
        parameters=count_parameters(model),
    )
    if not is_own(network):
        check_name(network)
        code = Path(path).with_suffix(".py")
        meta["definition"] = {"file": code.name, "sha256": write_definition(code, network)}
    save_arrays(path, get_weights(model), meta)
    return sha256(path)


def load_model(path, network=None, run_code=False):
    """Read a network that `save_model` wrote.

    Parameters
    ----------
    path : str or Path
    network : type or function, or None
        The network's class, or a function without arguments that builds it.  None finds
        the class by its name in `NETWORKS`.
    run_code : bool
        Whether a class that is not there may be made by running the file that
        `save_model` wrote beside the weights.  Only for files of your own.

    Returns
    -------
    model : megengine.module.Module, in evaluation mode
    meta : dict

    Raises
    ------
    FileNotFoundError, ValueError
        As `load_arrays`, or if the network is unknown, or the weights do not fit it.
    """
    meta = load_meta(path)
    name, config = str(meta.get("network")), meta.get("config") or {}
    code = meta.get("definition")
    network = network or NETWORKS.get(name)
    if network is None and code and run_code:
        # a bare file name: an archive must not lead to anywhere else
        network = run_definition(
            Path(path).with_name(Path(code["file"]).name), name, code["sha256"]
        )
    if network is None:
        if code:
            hint = "permission to run %s beside it, which defines it: --run-code, or run_code=True"
            hint %= code["file"]
        else:
            hint = "one of %s, or its class as network=" % ", ".join(sorted(NETWORKS))
        raise ValueError("%s: found network %r, expected %s" % (path, name, hint))
    try:
        model = network(**config) if isinstance(network, type) else network()
    except TypeError as error:
        raise ValueError(
            "%s: found that %s cannot be built (%s); expected its arguments in `model.config` "
            "when it was saved" % (path, name, error)
        ) from None
    arrays, _ = load_arrays(path, weight_shapes(model))
    set_weights(model, arrays, path)
    model.eval()
    return model, meta


def find_weights():
    """List the weights at hand: those that come with the suite, then your own.

    Returns
    -------
    list of (path, origin) : Path and str
        Not empty.

    Raises
    ------
    FileNotFoundError
        If there are none.
    """
    own = outputs_folder() / "weights"
    shipped = [path for path in (SHIPPED, SHIPPED_BASELINE) if path.is_file()]
    found = [(path, "comes with the suite") for path in shipped]
    found += [(path, "your own") for path in sorted(own.glob("*.npz"))]
    if not found:
        raise FileNotFoundError(
            "%s: found no weights; run notebook 02 first, which trains some" % show_path(own)
        )
    return found
