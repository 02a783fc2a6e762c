"""The explorer: choose a patch, how it is shown and what is compared, with widgets.

Everything is computed when it is first asked for and then kept, so that a slow
denoiser costs nothing until it is chosen.
"""

import asyncio
import functools
import threading

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex

from .figures import ERROR_LIMIT, RESIDUAL_LIMIT, paint_error, paint_residual
from .rendering import PLANES, TONES, check_bayer, estimate_rendering, patch_error, render
from .slider import CompareSlider

try:
    import ipywidgets
except ImportError:  # only the explorer needs it
    ipywidgets = None

COLOUR, WHOLE = "colour", "whole patch"
INPUT, REFERENCE, NOTHING = "input", "reference", "\u2013"
KEPT = 256  # results, 0.5 MB each
STOPS = range(-3, 4)  # exposure, in photographic stops; at +4 hardly anything is not white
FILE_ORDER, WORST, NOISIEST, DARKEST = "file order", "worst error", "most noise", "darkest"


def explore(noisy, denoisers, gt=None, errors=None, noise=None, start=0):
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
        The error of each patch in the whole set, as an earlier run wrote it; used to
        sort by it and to tell where a patch stands.
    noise : function (H, W) -> float, DN, optional
        The noise of a patch, to sort by and to show; called when first needed.
    start : int
        The patch shown first.

    Returns
    -------
    Explorer, which Jupyter shows as widgets and everything else as a line of text

    Raises
    ------
    ValueError
        For other shapes, or no denoiser.
    """
    return Explorer(noisy, denoisers, gt, errors, noise, start)


class Explorer:
    """What `explore` returns; its controls are attributes, for programs and tests.

    Attributes
    ----------
    order, patch, left, middle, right, stops, tone, plane, region : ipywidgets
        The controls.
    slider : CompareSlider or None
        What is shown now; None if a denoiser failed.
    """

    def __init__(self, noisy, denoisers, gt=None, errors=None, noise=None, start=0):
        _check(noisy, denoisers, gt, errors, start)
        self.noisy, self.denoisers, self.gt, self.errors = noisy, dict(denoisers), gt, errors
        self._noise = noise and functools.lru_cache(None)(lambda i: float(noise(noisy[i])))
        self.slider = None
        self._denoised = functools.lru_cache(KEPT)(self._denoise)
        self._ranks = functools.lru_cache(None)(self._rank)
        if ipywidgets is not None:
            self._thread = threading.get_ident()
            try:
                self._loop = asyncio.get_running_loop()
            except RuntimeError:  # no notebook: everything happens here
                self._loop = None
            self._build(start)
            self._show()

    def __repr__(self):
        names = ", ".join(self.denoisers)
        if ipywidgets is None:
            return "Explorer of %d patches (%s): install ipywidgets to use it" % (
                len(self.noisy),
                names,
            )
        return "Explorer of %d patches (%s): run the notebook to use it" % (len(self.noisy), names)

    def _repr_mimebundle_(self, **options):
        if ipywidgets is None:
            return {"text/plain": repr(self)}
        return widget_bundle(self.box, repr(self))

    # -- the controls

    def _build(self, start):
        count = len(self.noisy)
        views = [INPUT] + list(self.denoisers)
        if self.gt is not None:
            views += [REFERENCE] + ["error of " + name for name in views]
        views += ["removed by " + name for name in self.denoisers]
        orders = [FILE_ORDER, DARKEST]
        orders += [WORST] * (self.errors is not None) + [NOISIEST] * (self._noise is not None)

        first = next(iter(self.denoisers))
        middle, right = (NOTHING, first) if self.gt is None else (first, REFERENCE)
        self.order = _dropdown("sort by", orders, FILE_ORDER, 250)
        self.patch = ipywidgets.IntSlider(
            start, 0, count - 1, continuous_update=False, **_look("place", 508)
        )
        self.left = _dropdown("left", views, INPUT, 250)
        self.middle = _dropdown("middle", [NOTHING] + views, middle, 250)
        self.right = _dropdown("right", views, right, 250)
        stops = [("%+d" % stop if stop else "0", stop) for stop in STOPS]
        self.stops = ipywidgets.SelectionSlider(options=stops, value=0, **_look("exposure", 250))
        self.tone = _dropdown("tone", TONES, "display", 160)
        self.plane = _dropdown("show", (COLOUR,) + PLANES, COLOUR, 160)
        self.region = _dropdown("part", list(_regions(2, 2)), WHOLE, 200)
        self.text, self.output = ipywidgets.HTML(), ipywidgets.Output()
        shown = [self.patch, self.left, self.middle, self.right]
        for control in shown + [self.stops, self.tone, self.plane, self.region]:
            control.observe(self._at_home(self._show), "value")
        self.order.observe(self._at_home(self._sort), "value")
        row = {"flex_flow": "row wrap"}
        self.box = ipywidgets.VBox(
            [
                ipywidgets.HBox([self.order, self.patch], layout=row),
                ipywidgets.HBox([self.left, self.middle, self.right], layout=row),
                ipywidgets.HBox([self.stops, self.tone, self.plane, self.region], layout=row),
                self.text,
                self.output,
            ]
        )
        self._key = "explorer-" + self.box.model_id

    def _at_home(self, function):
        """An observer that calls the function in the thread of this explorer.

        JupyterLab delivers the changes of widgets in another thread (ipykernel 7,
        "subshells"); MegEngine works only in the one that imported it.
        """

        def observer(change):
            if self._loop is None or threading.get_ident() == self._thread:
                function()
            else:
                self._loop.call_soon_threadsafe(function)

        return observer

    def _sort(self):
        """Start at the first place of the new order."""
        if self.patch.value:
            self.patch.value = 0  # shows it
        else:
            self._show()

    # -- what is shown

    @property
    def index(self):
        """The patch shown, as a place in `noisy`."""
        return int(self._ranks(self.order.value)[self.patch.value])

    def _rank(self, order):
        if order == WORST:
            return np.argsort(-np.asarray(self.errors), kind="stable")
        if order == NOISIEST:
            return np.argsort([-self._noise(i) for i in range(len(self.noisy))], kind="stable")
        if order == DARKEST:
            return np.argsort([np.mean(patch) for patch in self.noisy], kind="stable")
        return np.arange(len(self.noisy))

    def _denoise(self, name, index):
        noisy = np.asarray(self.noisy[index : index + 1])
        pred = np.asarray(self.denoisers[name](noisy))
        if pred.shape != noisy.shape:
            raise ValueError("%s: found shape %s, expected %s" % (name, pred.shape, noisy.shape))
        return check_bayer(pred[0], name)

    def _mosaic(self, view, index):
        if view == INPUT:
            return check_bayer(self.noisy[index], "noisy patch %d" % index)
        if view == REFERENCE:
            return check_bayer(self.gt[index], "gt patch %d" % index)
        return self._denoised(view, index)

    def _picture(self, view, index, rendering):
        """One view as (picture, note)."""
        gt = None if self.gt is None else self._mosaic(REFERENCE, index)
        if view.startswith("error of ") and view not in self.denoisers:
            pred = self._mosaic(view[len("error of ") :], index)
            return paint_error(pred, gt), ""
        if view.startswith("removed by ") and view not in self.denoisers:
            pred = self._mosaic(view[len("removed by ") :], index)
            return paint_residual(self._mosaic(INPUT, index), pred), ""
        bayer = self._mosaic(view, index)
        measured = gt is not None and view != REFERENCE and gt.any()
        return render(bayer, rendering), "error %.2f" % patch_error(bayer, gt) if measured else ""

    def _show(self):
        index = self.index
        chosen = [self.left.value, self.middle.value, self.right.value]
        chosen = [view for view in chosen if view != NOTHING]
        try:
            noisy = self._mosaic(INPUT, index)
            plane = None if self.plane.value == COLOUR else self.plane.value
            rendering = estimate_rendering(noisy, self.tone.value, plane)
            rendering = rendering._replace(exposure=rendering.exposure * 2.0**self.stops.value)
            shown = [self._picture(view, index, rendering) for view in chosen]
            region = _regions(*noisy.shape)[self.region.value]
            self.slider = CompareSlider(
                [picture[region] for picture, _ in shown],
                chosen,
                [note for _, note in shown],
                max_bytes=None,
                key=self._key,
            )
            data = {"text/html": self.slider._repr_html_(), "text/plain": repr(self.slider)}
        except Exception as error:  # a denoiser's fault would vanish in the front end's log
            self.slider = None
            first_line = (str(error).splitlines() or [""])[0]  # MegEngine adds a native backtrace
            data = {"text/plain": "%s: %s" % (type(error).__name__, first_line)}
        self.text.value = self._sentence(index) + _scales(chosen)
        self.output.outputs = ({"output_type": "display_data", "data": data, "metadata": {}},)

    def _sentence(self, index):
        noisy = self.noisy[index]
        parts = [
            "<b>patch %d</b> of %d" % (index, len(self.noisy)),
            "mean %.0f DN" % np.mean(noisy),
        ]
        if self._noise is not None:
            parts.append("estimated noise %.0f DN" % self._noise(index))
        if self.errors is not None:
            errors = np.asarray(self.errors)
            place = 1 + np.count_nonzero(errors > errors[index])
            parts.append(
                "error in the whole run %.2f, number %d from the worst (mean %.2f)"
                % (errors[index], place, errors.mean())
            )
        if self.gt is None:
            parts.append("no reference in this set, so no error views")
        return " &middot; ".join(parts)


def widget_bundle(widget, text):
    """What Jupyter shows a widget by, spelt out: ipywidgets 7 has no method for it."""
    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    return {"text/plain": text, "application/vnd.jupyter.widget-view+json": view}


def _scales(views):
    """The colour bars of the views that show numbers, as HTML."""
    bars = []
    if any(view.startswith("error of ") for view in views):
        bars.append(("error", "inferno", "0", "%d \u221aDN" % ERROR_LIMIT))
    if any(view.startswith("removed by ") for view in views):
        ends = "\u2212%d" % RESIDUAL_LIMIT, "+%d \u221aDN" % RESIDUAL_LIMIT
        bars.append(("removed", "gray") + ends)
    html = ""
    for word, name, low, high in bars:
        colours = [to_hex(colour) for colour in colormaps[name](np.linspace(0, 1, 9))]
        html += (
            ' &middot; %s %s <span style="display:inline-block;width:120px;height:10px;'
            'border:1px solid #888;background:linear-gradient(to right,%s)"></span> %s'
            % (word, low, ",".join(colours), high)
        )
    return html and "<div>scale" + html + "</div>"


def _regions(height, width):
    rows, columns = height // 4 * 2, width // 4 * 2
    top, bottom, left, right = (
        slice(rows),
        slice(-rows, None),
        slice(columns),
        slice(-columns, None),
    )
    middle = (
        slice(rows // 4 * 2, rows // 4 * 2 + rows),
        slice(columns // 4 * 2, columns // 4 * 2 + columns),
    )
    return {
        WHOLE: (slice(None), slice(None)),
        "centre": middle,
        "top left": (top, left),
        "top right": (top, right),
        "bottom left": (bottom, left),
        "bottom right": (bottom, right),
    }


def _dropdown(description, options, value, width):
    return ipywidgets.Dropdown(options=options, value=value, **_look(description, width))


def _look(description, width):
    # wider where there is room, for long names
    layout = {"width": "auto", "min_width": "%dpx" % width, "flex": "1 1 %dpx" % width}
    layout["max_width"] = "%dpx" % (width * 3 // 2)
    return {
        "description": description,
        "style": {"description_width": "62px" if width > 160 else "42px"},
        "layout": layout,
    }


def _check(noisy, denoisers, gt, errors, start):
    shape = np.shape(noisy)
    if len(shape) != 3 or not shape[0]:
        raise ValueError("noisy: found shape %s, expected patches (N, H, W)" % (shape,))
    if gt is not None and np.shape(gt) != shape:
        raise ValueError("found noisy %s and gt %s, expected one shape" % (shape, np.shape(gt)))
    if errors is not None and np.shape(errors) != shape[:1]:
        raise ValueError("errors: found shape %s, expected %s" % (np.shape(errors), shape[:1]))
    if not denoisers or not all(map(callable, denoisers.values())):
        raise ValueError("denoisers: found %r, expected a dict of name: function" % (denoisers,))
    if {INPUT, REFERENCE, NOTHING} & set(denoisers):
        raise ValueError("denoisers: %r and %r are taken as names" % (INPUT, REFERENCE))
    if not 0 <= start < shape[0]:
        raise ValueError("start: found %r, expected 0 to %d" % (start, shape[0] - 1))
