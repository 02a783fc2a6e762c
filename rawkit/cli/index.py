"""The page one opens first: a slider, the submission, a card for each notebook."""

import base64
import html
import io
import json
import re
from urllib.parse import quote

import numpy as np
from PIL import Image

from ..binio import open_pairs, open_patches
from ..places import GT_OF, TEST_INPUT, atomic_file, find_dataset, outputs_folder
from ..view import compare, estimate_rendering, render
from ..view.rendering import texture

LOOKED_AT = 64  # patches among which the one to show is chosen
SUBMISSION = """<table>%s</table>
<p class=soft>The held-out score is that of one half of the pairs held out; the other half chooses
between networks.
The test score is known only where the test input comes with its ground truth.</p>
<p><a href="../submit/result.bin">result.bin</a></p>"""
WORDS = ((None, "not known"), (True, "yes"), (False, "no"))
WIDTH = 640  # pixels; of a card's picture on a fine screen
STYLE = """
:root { color-scheme: light dark; --line: #8886; --soft: #767676; }
@media (prefers-color-scheme: dark) { :root { --soft: #a0a0a0; } }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; padding: 16px; max-width: 1080px; }
h1 { font-size: 1.6rem; margin: .4em 0; } h2 { font-size: 1.2rem; margin: 1.8em 0 .6em; }
p { margin: .4em 0; } .card small, .soft { color: var(--soft); }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(320px, 100%), 1fr));
  gap: 16px; }
.card { border: 1px solid var(--line); border-radius: 6px; overflow: hidden; color: inherit;
  text-decoration: none; display: flex; flex-direction: column; }
.card:hover, .card:focus-visible { border-color: currentColor; }
.card img { width: 100%; aspect-ratio: 16 / 9; object-fit: contain; background: #fff; }
.card div { padding: 8px 12px 12px; } .card b { display: block; }
table { border-collapse: collapse; } th { text-align: left; padding-right: 16px; }
th, td { font-weight: normal; vertical-align: top; overflow-wrap: anywhere; padding-bottom: 2px; }
th { color: var(--soft); white-space: nowrap; }
"""
PAGE = """<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>RAW image denoising: what came out</title><style>%s</style>
<h1>RAW image denoising: what came out</h1>
%s
<h2>The submission</h2>
%s
<h2>The notebooks</h2>
<div class="cards">
%s
</div>
%s
</html>
"""


def write_index():
    """Write `report/index.html` in the outputs folder, from what lies there.

    Read are the executed notebooks in `report/`, and what they left in `submit/` and
    `photo/`.  The page needs no network.

    Returns
    -------
    Path
    """
    outputs = outputs_folder()
    notebooks = sorted((outputs / "report").glob("*.ipynb"))
    page = PAGE % (
        STYLE,
        _slider(outputs / "submit" / "result.bin"),
        _submission(outputs / "submit" / "card.json"),
        "\n".join(_card(path) for path in notebooks),
        _photographs(outputs / "photo"),
    )
    path = outputs / "report" / "index.html"
    with atomic_file(path) as file:
        file.write(page.encode())
    return path


def _slider(result):
    """One patch before and after, or why there is none."""
    if not result.is_file():
        return "<p class=soft>No result.bin yet: the submission's notebook writes it.</p>"
    try:
        folder = find_dataset().folder
        noisy, pred = open_patches(folder / TEST_INPUT), open_patches(result)
        has_gt = (folder / GT_OF[TEST_INPUT]).is_file()
        gt = open_pairs(folder, TEST_INPUT)[1] if has_gt else None
    except (OSError, ValueError) as error:
        return "<p class=soft>Nothing to compare: %s</p>" % html.escape(str(error))
    if noisy.shape != pred.shape:
        return (
            "<p class=soft>result.bin has %d patches and this dataset's test input %d: it answers "
            "another one.</p>" % (len(pred), len(noisy))
        )
    i = _telling(noisy[:LOOKED_AT], pred[:LOOKED_AT])
    images = [noisy[i], pred[i]] + ([gt[i]] if has_gt else [])
    caption = "Patch %d of the test input, before and after. Drag the dividers." % i
    caption += " Errors are in \u221aDN, as the score counts them." if has_gt else ""
    return "<p>%s</p>\n%s" % (caption, compare(images, max_bytes=None)._repr_html_())


def _telling(noisy, pred):
    """The patch with the most texture in the half of them that had more noise removed."""
    removed = np.abs(noisy.astype(np.float32) - pred).mean((1, 2))
    removed /= np.sqrt(np.maximum(noisy.mean((1, 2)), 1))
    noisier = np.argsort(removed, kind="stable")[len(removed) // 2 :]
    seen = [texture(render(pred[i], estimate_rendering(noisy[i]))).mean() for i in noisier]
    return int(noisier[np.argmax(seen)])


def _submission(path):
    if not path.is_file():
        return "<p class=soft>None yet.</p>"
    rows, card = [], json.loads(path.read_text(encoding="utf-8"))
    for name, value in sorted(card.items(), key=lambda item: "sha256" in item[0]):  # sums last
        if isinstance(value, dict):
            value = ", ".join("%s %s" % item for item in value.items())
        words = [word for is_it, word in WORDS if value is is_it]
        value = words[0] if words else value
        rows.append(
            "<tr><th>%s<td>%s" % (html.escape(name.replace("_", " ")), html.escape(str(value)))
        )
    return SUBMISSION % "".join(rows)


def _card(path):
    """A notebook as a link: its picture, title, question and the score it printed."""
    import nbformat  # seconds, which other commands need not wait

    notebook = nbformat.read(str(path), as_version=4)
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    title = re.search("^# (.+)$", "\n".join(texts), re.M)
    question = re.search(r"\*\*Question: (.+?)\*\*", "\n".join(texts), re.S)
    picture, score = _picture(notebook), _score(notebook)
    title = title.group(1) if title else path.stem
    if not path.stem[0].isdigit():  # a copy, whose title may be that of the original
        title = "%s (%s)" % (path.stem, title)
    return '<a class="card" href="%s.html">%s<div><b>%s</b>%s<br><small>%s</small></div></a>' % (
        quote(path.stem),
        '<img alt="" src="data:image/webp;base64,%s">' % picture if picture else "",
        html.escape(title),
        html.escape(_sentence(question.group(1))) if question else "",
        html.escape(" · ".join(filter(None, (score, path.stem)))),
    )


def _photographs(folder):
    """Each photograph that was denoised, as a picture that leads to its DNG."""
    cards = [
        '<a class="card" href="../photo/%s.dng"><img alt="" src="../photo/%s"><div><b>%s.dng</b>'
        "</div></a>" % (quote(path.stem), quote(path.name), html.escape(path.stem))
        for path in sorted(folder.glob("*_denoised.jpg"))
        if path.with_suffix(".dng").is_file()
    ]
    if not cards:
        return ""
    return '<h2>Photographs</h2>\n<div class="cards">\n%s\n</div>' % "\n".join(cards)


def _sentence(markdown):
    text = " ".join(markdown.replace("`", "").split())
    return text[:1].upper() + text[1:]


def _outputs(notebook):
    return [o for cell in notebook.cells for o in cell.get("outputs", ())]


def _picture(notebook):
    """The last figure, or that of the cell tagged `cover`: WebP, as base64."""
    covers = [cell for cell in notebook.cells if "cover" in cell.metadata.get("tags", ())]
    outputs = [o for cell in covers for o in cell.outputs] or _outputs(notebook)
    pictures = [o.data["image/png"] for o in outputs if "image/png" in o.get("data", {})]
    if not pictures:
        return None
    picture = Image.open(io.BytesIO(base64.b64decode(pictures[-1]))).convert("RGBA")
    paper = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    paper.thumbnail((WIDTH, WIDTH))
    file = io.BytesIO()
    paper.save(file, "webp", quality=85)
    return base64.b64encode(file.getvalue()).decode("ascii")


def _score(notebook):
    """The last line printed that tells a score, in the notebook's own words; or an error."""
    for output in _outputs(notebook):
        if output.output_type == "error":
            return "stopped: %s" % output.ename
    text = "".join(o.text for o in _outputs(notebook) if o.output_type == "stream")
    lines = [line for line in text.splitlines() if re.search(r"\bscore\b\D{0,40}\d+\.\d", line)]
    lines = [line for line in lines if "of the untouched" not in line]
    return " ".join(lines[-1].split()) if lines else None
