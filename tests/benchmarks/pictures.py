"""Make the README's pictures from the suite's own data and weights.  By hand:

python tests/benchmarks/pictures.py

Needs what the browser tests need: the explorer is filmed in a real JupyterLab.
"""

import io
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "browser"))

import matplotlib
import nbformat
import numpy as np
import pandas
import test_browser as browser
from matplotlib import font_manager
from matplotlib import pyplot as plt
from notebook_runs import new_notebook
from PIL import Image, ImageDraw, ImageFont

from rawkit import open_patches, pack_bayer, places, view
from rawkit.nn import denoise
from rawkit.nn.weights import SHIPPED, load_model
from rawkit.noise import estimate_blind, gat
from rawkit.score import normalized_l1

OUT = places.ROOT / "data" / "pictures"
GOOD, BAD = (15, 3), (12, 4)  # patches of the test set: as most are, and the weakest kind
UNLIKE = (0, 2)  # of two sensors, one with weak noise and one with strong
PART, HEAD = 128, 22  # pixels: of a patch, and above a row
START = 5  # the patch that the explorer shows
GAP = 8  # pixels
PAIRS, COLUMNS, SMALL = 12, 6, 160  # of the contact sheet: how many, in a row, side in pixels
MAX_BYTES = 2**20  # of all pictures
CELLS = (
    """
from pathlib import Path
from rawkit import places, open_patches, view
from rawkit.nn import denoise
from rawkit.nn.weights import load_model
noisy, gt = (open_patches(places.ROOT / "data" / n) for n in (places.TEST_INPUT, places.TEST_GT))
model, _ = load_model(Path("%s"))
""",
    'view.explore(noisy, {"denoised": lambda patches: denoise(model, patches)}, gt, start=%d)'
    % START,
    'print("end of page", 1 + 1)',
)


def comparison(weights, patches):
    """A row for each patch: the same part noisy, denoised and as reference, twice enlarged."""
    model, _ = load_model(weights)
    noisy, gt = (
        open_patches(places.ROOT / "data" / n) for n in (places.TEST_INPUT, places.TEST_GT)
    )
    side, part = 2 * PART, slice((256 - PART) // 2, (256 + PART) // 2)
    size = 3 * side + 2 * GAP, HEAD + len(patches) * (side + HEAD)
    sheet = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(sheet), _font()
    for column, name in enumerate(("noisy", "denoised", "reference (mean of many shots)")):
        draw.text((column * (side + GAP), 2), name, "black", font)
    for row, i in enumerate(patches):
        images = noisy[i], denoise(model, noisy[i : i + 1])[0], gt[i]
        rendering = view.estimate_rendering(noisy[i])
        for column, image in enumerate(images):
            place = column * (side + GAP), HEAD + row * (side + HEAD)
            shown = Image.fromarray(view.render(image, rendering)[part, part])
            sheet.paste(shown.resize((side, side), Image.NEAREST), place)
            if column < 2:
                error = normalized_l1(image[None], gt[i : i + 1])[0]
                text = f"error {error:.2f} \u221aDN"
                draw.text((place[0], place[1] + side + 2), text, "black", font)
    return sheet


def how_it_works(weights):
    """A row for each of two sensors: noisy, its line, transformed, what is noise, denoised."""
    model, _ = load_model(weights)
    noisy = open_patches(places.ROOT / "data" / places.TEST_INPUT)[list(UNLIKE)]
    lines, pred = estimate_blind(noisy), denoise(model, noisy)
    view.use_style()
    with matplotlib.rc_context({"figure.constrained_layout.use": False}):
        figure, axes = plt.subplots(2, 5, figsize=(9.6, 4.3))
    figure.subplots_adjust(left=0, right=1, top=0.92, bottom=0.11, wspace=0.06, hspace=0.06)
    names = "noisy", "1 measure the noise", "2 make it alike", "3 find it (U-Net)", "4 take it off"
    part, half = slice(64, 192), slice(32, 96)
    light = np.linspace(0, 16000, 100)  # DN
    for row, slope, intercept, before, after in zip(axes, *lines, noisy, pred):
        rendering = view.estimate_rendering(before)
        color = [view.render(bayer, rendering)[part, part] for bayer in (before, after)]
        green = [pack_bayer(bayer)[1, half, half].astype(float) for bayer in (before, after)]
        stable = [gat(plane, slope, intercept) for plane in green]
        row[0].imshow(color[0], interpolation="nearest")
        row[1].plot(light, np.sqrt(np.maximum(slope * light + intercept, 0)), color="#D55E00")
        row[2].imshow(stable[0], cmap="gray", interpolation="nearest")
        row[3].imshow(stable[0] - stable[1], cmap="gray", vmin=-4, vmax=4, interpolation="nearest")
        row[4].imshow(color[1], interpolation="nearest")
        for axis in row[[0, 2, 3, 4]]:
            axis.set_axis_off()
        row[1].set(box_aspect=1, xlim=(0, 16000), ylim=(0, 1500), anchor="C")
        row[1].set(xticks=[0, 8000], yticks=[500, 1000])
        row[1].tick_params(labelsize=9)
        row[1].tick_params(axis="y", length=0, pad=-28)
        row[1].text(0.04, 0.93, "deviation, DN", transform=row[1].transAxes, va="top", fontsize=9)
    axes[0, 1].set_xticklabels([])
    axes[1, 1].set_xlabel("light, DN", fontsize=9)
    for axis, name in zip(axes[0], names):
        axis.set_title(name, fontsize=11, fontweight="normal", loc="left")
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return Image.open(file).convert("RGB")


def contact_sheet():
    """Training pairs in rows, each noisy patch above its ground truth, with number and sensor."""
    folder = places.ROOT / "data"
    noisy, gt = (open_patches(folder / name) for name in (places.TRAIN_INPUT, places.TRAIN_GT))
    bits = pandas.read_csv(str(folder / "true_parameters.csv")).bits
    step, height = SMALL + 4, HEAD + 2 * SMALL + GAP
    sheet = Image.new("RGB", (COLUMNS * step, PAIRS // COLUMNS * height), "white")
    draw, font = ImageDraw.Draw(sheet), _font()
    for i in range(PAIRS):
        left, top = i % COLUMNS * step, i // COLUMNS * height
        draw.text((left, top + 4), f"{i}: {bits[i]:.0f} bits", "black", font)
        rendering = view.estimate_rendering(noisy[i])
        for row, patch in enumerate((noisy[i], gt[i])):
            shown = Image.fromarray(view.render(patch, rendering)).resize((SMALL, SMALL))
            sheet.paste(shown, (left, top + HEAD + row * (SMALL + 2)))
    return sheet


def _font():
    return ImageFont.truetype(font_manager.findfont("DejaVu Sans"), 13)


def explorer_frames(weights):
    """Screenshots of the explorer in JupyterLab while it is used."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        texts = [CELLS[0] % weights.resolve()] + list(CELLS[1:])
        nbformat.write(new_notebook(*texts), str(folder / "explorer.ipynb"))
        environment = browser.private_environment(folder)
        with browser.jupyter_server(folder, environment) as address:
            url = f"{address}/lab/tree/explorer.ipynb?token={browser.TOKEN}"
            job = {"url": url, "chromium": browser.CHROMIUM, "out": str(folder)}
            job.update(run=True, film=True)
            command = ["node", "drive.js", json.dumps(job)]
            report = json.loads(subprocess.check_output(command, cwd=str(browser.HERE)))
        if report["faults"]:
            raise ValueError(f"the browser reports {report['faults'][0]}")
        names = [folder / (name + ".png") for name in report["shots"]]
        shots = [Image.open(str(name)).convert("RGB") for name in names]
    # the line of color bars, and wider captions, change the size
    size = max(shot.width for shot in shots), max(shot.height for shot in shots)
    frames = [Image.new("RGB", size, "white") for _ in shots]
    for frame, shot in zip(frames, shots):
        frame.paste(shot)
    return frames


def main():
    """Write the pictures."""
    sheets = {
        "before_after.png": comparison(SHIPPED, GOOD),
        "failure.png": comparison(SHIPPED, BAD),
        "how_it_works.png": how_it_works(SHIPPED),
        "contact_sheet.jpg": contact_sheet(),
    }
    frames = explorer_frames(SHIPPED)
    for name, sheet in sheets.items():
        sheet.save(str(OUT / name), optimize=True, quality=85)
    durations = [1500] + [300] * (len(frames) - 3) + [2500, 2500]  # ms
    film = {"append_images": frames[1:], "duration": durations, "loop": 0, "quality": 60}
    frames[0].save(str(OUT / "explorer.webp"), save_all=True, **film)
    sizes = {path.name: path.stat().st_size for path in OUT.iterdir()}
    print(sizes)
    assert sum(sizes.values()) <= MAX_BYTES


if __name__ == "__main__":
    main()
