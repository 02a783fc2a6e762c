"""The page one opens first: the answer before and after, its card, links to the rest."""

import html
import json
from pathlib import Path
from string import Template
from urllib.parse import quote

import numpy as np

from ..binio import open_pairs, open_patches
from ..places import GT_OF, TEST_INPUT, atomic_file, find_dataset, outputs_folder
from ..view import compare, estimate_rendering, render
from ..view.rendering import texture

LOOKED_AT = 64  # patches among which the one to show is chosen
WORDS = {None: "not known", True: "yes", False: "no"}


def write_index():
    """Write `report/index.html` in the outputs folder, from what lies there; without a network.

    What the answer scored is read from `submit/card.json`, which notebook 05 writes.

    Returns
    -------
    Path
    """
    outputs = outputs_folder()
    report = outputs / "report"
    pages = [path for path in report.glob("*.html") if path.name != "index.html"]
    photographs = list((outputs / "photo").glob("*_denoised.*"))
    page = Template(Path(__file__).with_name("index.html").read_text(encoding="utf-8")).substitute(
        slider=_slider(outputs / "submit" / "result.bin"),
        card=_card(outputs / "submit" / "card.json"),
        notebooks=_links("", pages),
        photographs=_links("../photo/", photographs),
    )
    path = report / "index.html"
    with atomic_file(path) as file:
        file.write(page.encode())
    return path


def _slider(result):
    """One patch before and after, or why there is none."""
    if not result.is_file():
        return "<p>No result.bin yet: the submission's notebook writes it.</p>"
    try:
        folder = find_dataset().folder
        noisy, pred = open_patches(folder / TEST_INPUT), open_patches(result)
        has_gt = (folder / GT_OF[TEST_INPUT]).is_file()
        gt = open_pairs(folder, TEST_INPUT)[1] if has_gt else None
    except (OSError, ValueError) as error:
        return f"<p>Nothing to compare: {html.escape(str(error))}</p>"
    if noisy.shape != pred.shape:
        counts = f"has {len(pred)} patches and this dataset's test input {len(noisy)}"
        return f"<p>result.bin {counts}: it answers another one.</p>"
    i = max(range(min(len(noisy), LOOKED_AT)), key=lambda i: _worth_seeing(noisy[i], pred[i]))
    images = [noisy[i], pred[i]] + ([gt[i]] if has_gt else [])
    caption = f"Patch {i} of the test input, before and after. Drag the dividers."
    caption += " Errors are in \u221aDN, as the score counts them." if has_gt else ""
    return f"<p>{caption}</p>\n{compare(images, max_bytes=None)._repr_html_()}"


def _worth_seeing(noisy, pred):
    """How much was removed from a patch, times how much there is to see in what is left."""
    how = estimate_rendering(noisy)
    before, after = (render(patch, how).astype(np.float32) for patch in (noisy, pred))
    return np.abs(before - after).mean() * texture(after).mean()


def _card(path):
    """What notebook 05 wrote about the answer, as a table."""
    if not path.is_file():
        return "<p>None yet.</p>"
    try:
        card, rows = json.loads(path.read_text(encoding="utf-8")), []
    except ValueError as error:
        raise ValueError(f"{path}: found a damaged file ({error}), expected JSON") from None
    for name, value in card.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {item}" for key, item in value.items())
        elif value is None or isinstance(value, bool):
            value = WORDS[value]
        rows.append(f"<tr><th>{html.escape(name.replace('_', ' '))}<td>{html.escape(str(value))}")
    link = '<p><a href="../submit/result.bin">result.bin</a></p>'
    return f"<table>{''.join(rows)}</table>\n{link}"


def _links(folder, paths):
    """A list of files; the name of a notebook's page is its title."""
    items = []
    for path in sorted(paths):
        name = html.escape(path.stem.replace("_", " ")) + path.suffix.replace(".html", "")
        items.append(f'<li><a href="{quote(folder + path.name)}">{name}</a></li>')
    return f"<ul>{''.join(items)}</ul>" if items else "<p>None yet.</p>"
