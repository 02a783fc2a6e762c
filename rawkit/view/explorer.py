"""The explorer: choose a patch, what is compared and how bright it is, with widgets."""

import asyncio
import functools
import threading

import numpy as np
from ipywidgets import HTML, Dropdown, IntSlider

from .figures import paint_error, paint_residual
from .rendering import check_bayer, describe_error, estimate_rendering, render
from .slider import CompareSlider, SliderPanel

INPUT, REFERENCE, NOTHING = "input", "reference", "\u2013"
ERROR_OF, REMOVED_BY = "error of ", "removed by "
KEPT = 256  # answers of denoisers, 0.1 MB each
STOPS = 3  # of exposure, photographic; at +4 hardly anything is not white


class Explorer(SliderPanel):
    """Look at patches one by one, denoised on the fly.

    Parameters
    ----------
    noisy : array, shape (N, H, W), any real dtype, DN
        A memory map is fine: only what is shown is read.
    denoisers : dict of str to function (1, H, W) -> (1, H, W), both in DN
        Called for one patch when first chosen; the first one is chosen at the start.
    gt : array, shape (N, H, W), DN, optional
        Without it there are no error views.
    errors : array, shape (N,), optional
        The error of each patch in the whole set, as an earlier run wrote it; to sort by.
    noise : function (H, W) -> float, DN, optional
        The noise of a patch, to sort by and to show; called when first needed.
    start : int
        The patch shown first.

    Attributes
    ----------
    order, place, left, middle, right, stops : ipywidgets
        The controls: the order of the patches, the place in it, the views that are compared,
        the exposure.
    slider : CompareSlider
        What is shown now.

    Raises
    ------
    ValueError
        If `gt` or `errors` are of another number of patches.
    """

    def __init__(self, noisy, denoisers, gt=None, errors=None, noise=None, start=0):
        for name, array in (("gt", gt), ("errors", errors)):
            if array is not None and len(array) != len(noisy):
                raise ValueError(f"{name}: found {len(array)} patches, expected {len(noisy)}")
        self.noisy, self.denoisers, self.gt, self.errors = noisy, dict(denoisers), gt, errors
        self.noise = noise and functools.lru_cache(None)(lambda i: float(noise(noisy[i])))
        self.denoised = functools.lru_cache(KEPT)(self._denoise)
        self.ranks = functools.lru_cache(None)(self._rank)
        self.sorts = {"file order": int, "darkest": lambda i: np.mean(noisy[i])}
        if errors is not None:
            self.sorts["worst error"] = lambda i: -errors[i]
        if noise:
            self.sorts["most noise"] = lambda i: -self.noise(i)

        views = [INPUT, *denoisers]
        first = views[1]
        if gt is not None:
            views += [REFERENCE] + [ERROR_OF + name for name in views]
        views += [REMOVED_BY + name for name in denoisers]
        middle, right = (NOTHING, first) if gt is None else (first, REFERENCE)
        self.order = Dropdown(options=list(self.sorts), description="sort by")
        self.place = IntSlider(start, 0, len(noisy) - 1, description="place")
        self.stops = IntSlider(0, -STOPS, STOPS, description="exposure", readout_format="+d")
        self.left = Dropdown(options=views, description="left")
        self.middle = Dropdown(options=[NOTHING, *views], value=middle, description="middle")
        self.right = Dropdown(options=views, value=right, description="right")
        self.text = HTML()
        self.order.observe(lambda change: setattr(self.place, "value", 0), "value")
        controls = self.order, self.place, self.stops, self.left, self.middle, self.right
        super().__init__(in_this_thread(self._compare), controls, self.text)

    def __repr__(self):  # what a page without a kernel shows
        names = ", ".join(self.denoisers)
        return f"Explorer of {len(self.noisy)} patches ({names}): run the notebook to use it"

    @property
    def index(self):
        """The patch shown, as a place in `noisy`."""
        return int(self.ranks(self.order.value)[self.place.value])

    def _rank(self, order):
        keys = [self.sorts[order](i) for i in range(len(self.noisy))]
        return np.argsort(keys, kind="stable")  # NaN, where nothing is known, comes last

    def _denoise(self, name, index):
        noisy = np.asarray(self.noisy[index : index + 1])
        pred = np.asarray(self.denoisers[name](noisy))
        if pred.shape != noisy.shape:
            raise ValueError(f"{name}: found shape {pred.shape}, expected {noisy.shape}")
        return check_bayer(pred[0], name)

    def _mosaic(self, view, index):
        patches = {INPUT: self.noisy, REFERENCE: self.gt}.get(view)
        return self.denoised(view, index) if patches is None else patches[index]

    def _picture(self, view, index, rendering):
        """One view as (picture, note)."""
        if view.startswith(ERROR_OF):
            pred = self._mosaic(view[len(ERROR_OF) :], index)
            return paint_error(pred, self.gt[index]), ""
        if view.startswith(REMOVED_BY):
            pred = self._mosaic(view[len(REMOVED_BY) :], index)
            return paint_residual(self.noisy[index], pred), ""
        bayer = self._mosaic(view, index)
        measured = self.gt is not None and view != REFERENCE
        return render(bayer, rendering), describe_error(bayer, self.gt[index]) if measured else ""

    def _compare(self):
        index = self.index
        chosen = [self.left.value, self.middle.value, self.right.value]
        chosen = [view for view in chosen if view != NOTHING]
        rendering = estimate_rendering(self.noisy[index])
        rendering = rendering._replace(exposure=rendering.exposure * 2.0**self.stops.value)
        pictures, notes = zip(*(self._picture(view, index, rendering) for view in chosen))
        self.text.value = self._sentence(index)
        # one key: the dividers stay where they are when another patch is shown
        return CompareSlider(pictures, chosen, notes, max_bytes=None, key=f"explorer-{id(self)}")

    def _sentence(self, index):
        parts = [f"<b>patch {index}</b> of {len(self.noisy)}"]
        parts.append(f"mean {np.mean(self.noisy[index]):.0f} DN")
        if self.noise:
            parts.append(f"estimated noise {self.noise(index):.0f} DN")
        if self.errors is not None:
            parts.append(f"error {self.errors[index]:.2f}")
        if self.gt is None:
            parts.append("no reference in this set, so no error views")
        return " &middot; ".join(parts)


def in_this_thread(function):
    """Let a function run in the thread that called this, from whichever it is called.

    JupyterLab delivers the changes of widgets in another one (ipykernel 7, "subshells");
    MegEngine works only in the one that imported it.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # no notebook
        return function
    home = threading.get_ident()

    async def run():
        return function()

    def call():
        if threading.get_ident() == home:
            return function()
        return asyncio.run_coroutine_threadsafe(run(), loop).result()

    return call


explore = Explorer  # as the notebooks call it
