"""The report's first page: the answer before and after, its card, links to the rest."""

import json
from pathlib import Path

import numpy as np
from jinja2 import Template

from ..binio import open_alike, open_dataset
from ..places import TEST_GT, TEST_INPUT, find_dataset, outputs_folder, write_whole
from ..view import compare, estimate_rendering, render
from ..view.rendering import texture

LOOKED_AT = 64  # patches among which the one to show is chosen


def write_index():
    """Write `report/index.html` in the outputs folder, from what lies there; without a network.

    What the answer scored is read from `submit/card.json`, which notebook 05 writes.

    Returns
    -------
    Path
    """
    outputs = outputs_folder()
    path = outputs / "report" / "index.html"
    caption, slider = _compare_patch(outputs / "submit" / "result.bin")
    template = Path(__file__).with_name("index.html").read_text(encoding="utf-8")
    page = Template(template, autoescape=True).render(
        caption=caption,
        slider=slider,
        card=_read_card(outputs / "submit" / "card.json"),
        notebooks=sorted(page for page in path.parent.glob("*.html") if page != path),
        photographs=sorted((outputs / "photo").glob("*_denoised.*")),
    )
    write_whole(path, page.encode())
    return path


def _compare_patch(result):
    """One patch before and after: a caption and the slider's HTML; or why there is none."""
    if not result.is_file():
        return "No result.bin yet: the submission's notebook writes it.", ""
    try:
        folder = find_dataset().folder
        pred, noisy = open_alike(result, folder / TEST_INPUT)
        gt = open_dataset(folder).get(TEST_GT)
    except (OSError, ValueError) as error:
        return f"Nothing to compare: {error}", ""
    i = max(range(min(len(noisy), LOOKED_AT)), key=lambda i: _worth_seeing(noisy[i], pred[i]))
    images = [noisy[i], pred[i]]
    caption = f"Patch {i} of the test input, before and after. Drag the dividers."
    if gt is not None:
        images.append(gt[i])
        caption += " Errors are in \u221aDN, as the score counts them."
    return caption, compare(images, max_bytes=None)._repr_html_()


def _read_card(path):
    """What notebook 05 wrote about the answer, or nothing."""
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except ValueError as error:
        raise ValueError(f"{path}: found a damaged file ({error}), expected JSON") from None


def _worth_seeing(noisy, pred):
    """How much was removed from a patch, times how much there is to see in what is left."""
    how = estimate_rendering(noisy)
    before, after = (render(patch, how).astype(np.float32) for patch in (noisy, pred))
    return np.abs(before - after).mean() * texture(after).mean()
