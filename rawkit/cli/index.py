"""The page one opens first: the answer before and after, its card, links to the rest."""

import html
import json
from urllib.parse import quote

import numpy as np

from ..binio import open_pairs, open_patches
from ..places import GT_OF, TEST_INPUT, atomic_file, find_dataset, outputs_folder
from ..view import compare, estimate_rendering, render
from ..view.rendering import texture

LOOKED_AT = 64  # patches among which the one to show is chosen
WORDS = {None: "not known", True: "yes", False: "no"}
PAGE = """<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>RAW image denoising: what came out</title><style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; padding: 16px; max-width: 1080px; }}
th {{ text-align: left; padding-right: 16px; }} td {{ overflow-wrap: anywhere; }}
th, td {{ font-weight: normal; vertical-align: top; }}
</style>
<h1>RAW image denoising: what came out</h1>
{slider}
<h2>The answer</h2>
{card}
<h2>The notebooks</h2>
{notebooks}
<h2>Photographs</h2>
{photographs}
</html>
"""
CARD = """<table>{rows}</table>
<p>The held-out score is that of one half of the pairs held out; the other half chooses between
networks.  The test score is known only where the test input comes with its ground truth.</p>
<p><a href="../submit/result.bin">result.bin</a></p>"""


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
    page = PAGE.format(
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
        return (
            f"<p>result.bin has {len(pred)} patches and this dataset's test input {len(noisy)}: "
            "it answers another one.</p>"
        )
    i = _clearest(noisy[:LOOKED_AT], pred[:LOOKED_AT])
    images = [noisy[i], pred[i]] + ([gt[i]] if has_gt else [])
    caption = f"Patch {i} of the test input, before and after. Drag the dividers."
    caption += " Errors are in \u221aDN, as the score counts them." if has_gt else ""
    return f"<p>{caption}</p>\n{compare(images, max_bytes=None)._repr_html_()}"


def _clearest(noisy, pred):
    """The patch with the most texture in the quarter of them with the most noise to see."""
    shown = [estimate_rendering(patch) for patch in noisy]
    before, after = (
        np.array([render(patch, how) for patch, how in zip(patches, shown)], np.float32)
        for patches in (noisy, pred)
    )
    removed = np.abs(before - after).mean((1, 2, 3))
    noisiest = np.argsort(-removed, kind="stable")[: max(1, len(removed) // 4)]
    seen = [texture(after[i]).mean() for i in noisiest]
    return int(noisiest[np.argmax(seen)])


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
    return CARD.format(rows="".join(rows))


def _links(folder, paths):
    """A list of files; the name of a notebook's page is its title."""
    items = [
        f'<li><a href="{quote(folder + path.name)}">{html.escape(path.stem.replace("_", " "))}'
        f"{path.suffix.replace('.html', '')}</a></li>"
        for path in sorted(paths)
    ]
    return f"<ul>{''.join(items)}</ul>" if items else "<p>None yet.</p>"
