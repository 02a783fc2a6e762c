"""Measure the widgets: dragging, first display, denoising in the explorer, saved sizes.  By hand:

python tests/benchmarks/bench_view.py [browser] [explorer] [size]

"browser" needs what tests/browser needs.  The last line is one JSON object.
"""

import functools
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from rawkit import open_patches, places, view
from rawkit.nn import denoise
from rawkit.nn.networks import Baseline, BlindUNet

DRIVER = Path(__file__).resolve().with_name("bench_view.js")
ZOOM = 3
SECONDS = 4  # of dragging
REPEATS = 5


def load():
    """Noisy, half denoised and gt of the test set that comes with the suite."""
    noisy, gt = (
        open_patches(places.ROOT / "data" / n) for n in (places.TEST_INPUT, places.TEST_GT)
    )
    pred = np.uint16(np.round(gt + 0.3 * (noisy.astype(np.float64) - gt)))
    return noisy, pred, gt


def median_seconds(function, *arguments):
    """Median time of a call; the first one counts like the others."""
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        function(*arguments)
        times.append(time.perf_counter() - began)
    return float(np.median(times))


def browse(slider):
    """Show and drag a slider in headless Chromium; see bench_view.js."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "page.html")
        page.write_text(
            "<!doctype html><meta charset=utf-8><template>%s</template>" % slider._repr_html_()
        )
        job = {"url": page.as_uri(), "chromium": chromium, "zoom": ZOOM, "seconds": SECONDS}
        command = ["node", str(DRIVER), json.dumps(job)]
        return json.loads(subprocess.check_output(command, timeout=120))


def browser():
    """Python makes a slider of 256 x 256 whole patches; the browser shows and drags it."""
    images = [patches[0] for patches in load()]
    python_s = median_seconds(lambda: view.compare(images, max_bytes=None)._repr_html_())
    reports = [browse(view.compare(images, max_bytes=None)) for _ in range(3)]
    steps = np.concatenate([np.diff(report["frames"]) for report in reports])
    loaded = float(np.median([report["displayMs"] for report in reports])) / 1000
    return [
        (
            "drag_frames_per_second",
            1000 / steps.mean(),
            "at least 50; %d px" % reports[0]["width"],
        ),
        ("drag_slowest_20th_ms", float(np.quantile(steps, 0.95)), "time between two frames"),
        ("display_python_s", python_s, "rendering and coding three patches"),
        ("display_browser_s", loaded, "from handing it to an open page to the painted picture"),
        ("display_s", python_s + loaded, "at most 0.2"),
    ]


def explorer():
    """From the change of a control to the finished output, on patches not seen before."""
    noisy, _, gt = load()
    rows = []
    for network, limit in ((Baseline, "at most 0.3"), (BlindUNet, "at most 0.3")):
        model = network()
        model.eval()
        seconds = median_seconds(denoise, model, noisy[:1])
        rows.append(("denoise_%s_s" % network.__name__, seconds, limit))
    both = {"baseline": Baseline(), "model": BlindUNet()}
    functions = {name: functools.partial(denoise, model) for name, model in both.items()}
    explored = view.explore(noisy, functions, gt)
    explored.right.value = "model"  # all of input, baseline and model are shown
    changes = iter(range(1, len(noisy)))

    def change():
        explored.place.value = next(changes)

    rows.append(("explorer_change_s", median_seconds(change), "both networks and the pictures"))
    return rows


def size():
    """Of the sliders that notebooks save, over all patches at hand."""
    images = load()
    sizes, sides = [], []
    for i in range(len(images[0])):
        slider = view.compare([patches[i] for patches in images])
        sizes.append(len(slider._repr_html_().encode()) / 1000)
        sides.append(slider.crop[2])
    return [
        ("saved_kb_median", float(np.median(sizes)), "lossless, cropped to fit"),
        ("saved_kb_max", max(sizes), "at most 250"),
        ("saved_side_median_px", float(np.median(sides)), "of 256"),
        ("saved_side_min_px", min(sides), "of 256"),
    ]


def main(names):
    """Run the parts named, or all; print a table and then JSON."""
    parts = {"browser": browser, "explorer": explorer, "size": size}
    result = {}
    for name in names or parts:
        for key, value, note in parts[name]():
            result[key] = round(value, 3)
            print("%-24s %8.3f  %s" % (key, value, note))
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1:])
