"""Weights of networks: in and out of files, and where to find them."""

import numpy as np

from ..places import ROOT, outputs_folder, show_path
from .archive import load_arrays, load_meta, save_arrays, sha256
from .networks import NETWORKS, count_parameters

SHIPPED = ROOT / "data" / "weights" / "model.npz"
SHIPPED_BASELINE = SHIPPED.with_name("baseline.npz")  # trained on the same data


def get_weights(model):
    """Copy a network's weights.

    Returns
    -------
    dict of str to ndarray, float32
    """
    return {name: tensor.numpy().copy() for name, tensor in model.named_parameters()}


def weight_shapes(model):
    """Names and shapes of a network's weights, a dict."""
    return {name: tuple(tensor.shape) for name, tensor in model.named_parameters()}


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

    Parameters
    ----------
    path : str or Path
    model : a network of `rawkit.model`
    **meta
        What a reader will want to know: training data, steps, score, command.

    Returns
    -------
    str
        SHA-256 of the file's bytes.
    """
    meta = dict(
        meta,
        network=type(model).__name__,
        config=model.config,
        parameters=count_parameters(model),
    )
    save_arrays(path, get_weights(model), meta)
    return sha256(path)


def load_model(path):
    """Read a network that `save_model` wrote.

    Returns
    -------
    model : a network of `rawkit.model`, in evaluation mode
    meta : dict

    Raises
    ------
    FileNotFoundError, ValueError
        As `load_arrays`, or if the network's name is unknown.
    """
    meta = load_meta(path)
    network = NETWORKS.get(str(meta.get("network")))
    if network is None:
        raise ValueError(
            "%s: found network %r, expected one of %s"
            % (path, meta.get("network"), ", ".join(sorted(NETWORKS)))
        )
    try:
        model = network(**meta["config"])
    except (KeyError, TypeError) as error:
        raise ValueError("%s: found a config that fits no network (%s)" % (path, error)) from None
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
