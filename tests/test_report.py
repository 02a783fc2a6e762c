"""The report's first page, as text; tests/browser looks at it as a picture."""

import base64
import io
import json
import re
from urllib.parse import unquote

import nbformat
import numpy as np
import pytest
from PIL import Image

from rawkit import places, write_patches
from rawkit.cli import pages
from rawkit.cli.index import write_index
from rawkit.cli.pages import run_notebooks


def png(color):
    file = io.BytesIO()
    Image.new("RGB", (64, 32), color).save(file, "png")
    return base64.b64encode(file.getvalue()).decode()


def shown(color, **metadata):
    output = nbformat.v4.new_output("display_data", {"image/png": png(color)})
    return nbformat.v4.new_code_cell("plot", outputs=[output], metadata=metadata)


def printed(text):
    return nbformat.v4.new_code_cell(
        "print", outputs=[nbformat.v4.new_output("stream", name="stdout", text=text)]
    )


@pytest.fixture
def outputs(monkeypatch, tmp_path):
    monkeypatch.setenv("RAWKIT_OUTPUTS", str(tmp_path))
    (tmp_path / "report").mkdir()
    return tmp_path


def page_of(outputs, *cells):
    texts = ["# 02 · A <title>", "**Question: how far\ndoes `it` get?**"]
    cells = [nbformat.v4.new_markdown_cell(text) for text in texts] + list(cells)
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbformat.write(notebook, str(outputs / "report" / "02_it.ipynb"))
    return write_index().read_text(encoding="utf-8")


def color_of(page):
    (coded,) = re.findall("data:image/webp;base64,([^\"']*)", page)
    return Image.open(io.BytesIO(base64.b64decode(coded))).convert("RGB").getpixel((9, 9))


def test_a_card_tells_title_question_and_score(outputs):
    lines = "score of step 3: 7.000\nheld-out score 8.125, untouched input 7\nnot 9.9 a score\n"
    page = page_of(outputs, printed(lines), printed("held-out score of the untouched input: 7.1\n"))
    assert 'href="02_it.html"' in page
    assert "02 · A &lt;title&gt;" in page
    assert "How far does it get?" in page
    assert "<small>held-out score 8.125, untouched input 7 · 02_it</small>" in page


def test_a_notebook_that_stopped_says_so(outputs):
    fault = nbformat.v4.new_output("error", ename="ValueError", evalue="x", traceback=[])
    page = page_of(
        outputs, printed("score 8.1\n"), nbformat.v4.new_code_cell("f()", outputs=[fault])
    )
    assert "stopped: ValueError" in page and "8.1" not in page


def test_the_picture_is_the_last_or_the_cover(outputs):
    assert color_of(page_of(outputs, shown("red"), shown("blue")))[2] > 250
    assert color_of(page_of(outputs, shown("red", tags=["cover"]), shown("blue")))[0] > 250


def test_the_submission_is_told_in_words(outputs, monkeypatch, tmp_path):
    card = {"parameters": 1, "self_ensemble": False, "held_out_score": None, "versions": {"a": 2}}
    (outputs / "submit").mkdir()
    (outputs / "submit" / "card.json").write_text(json.dumps(card))
    page = page_of(outputs)
    rows = dict(re.findall("<tr><th>([^<]*)<td>([^<]*)", page))
    expected = ("parameters", "1"), ("self ensemble", "no"), ("held out score", "not known")
    assert rows == dict(expected, versions="a 2")
    assert "No result.bin yet" in page


def test_an_answer_to_another_input_is_not_compared(outputs):
    write_patches(outputs / "submit" / "result.bin", np.ones((3, 256, 256), np.uint16))
    count = len(np.fromfile(str(places.ROOT / "data" / places.TEST_INPUT), "<u2")) // 65536
    page = page_of(outputs)
    assert "result.bin has 3 patches and this dataset's test input %d" % count in page
    assert "rawkit-compare" not in page


def test_nothing_is_asked_of_the_network(outputs):
    page = page_of(outputs, shown("red"))
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", page)


def test_a_notebook_of_ones_own_is_run_by_its_name_alone(outputs, monkeypatch, tmp_path):
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for name in ("01_first", "my_network"):
        cells = [nbformat.v4.new_markdown_cell("# " + name), nbformat.v4.new_code_cell("6 * 7")]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), str(folder / (name + ".ipynb")))
    monkeypatch.setattr(pages, "NOTEBOOKS", folder)
    assert [page.name for page in run_notebooks(["my_network"])] == ["my_network.html"]
    index = (outputs / "report" / "index.html").read_text(encoding="utf-8")
    assert "my_network.html" in index and "<b>my_network (my_network)</b>" in index
    assert [page.name for page in run_notebooks()] == ["01_first.html"]
    assert pages._find(["1"]) == [folder / "01_first.ipynb"]


def test_a_photograph_leads_to_its_dng(outputs):
    (outputs / "photo").mkdir()
    for name in ("a #1%_denoised.jpg", "a #1%_denoised.dng", "c_denoised.jpg", "d.dng"):
        (outputs / "photo" / name).write_bytes(b"")
    page = page_of(outputs)
    links = re.findall('"../photo/([^"]*)"', page)
    assert [unquote(link) for link in links] == ["a #1%_denoised.dng", "a #1%_denoised.jpg"]
    assert not re.search("[ #?]|%(?![0-9A-F]{2})", "".join(links))  # of which a browser cuts names


def test_a_page_leads_to_pages():
    text = "[next](03_it.ipynb), [elsewhere](https://host/a.ipynb), [data](../data/README.md)"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text)])
    page = pages._to_html(notebook)
    assert 'href="03_it.html"' in page and 'href="https://host/a.ipynb"' in page
    assert page.count('href="index.html"') == 1


def test_the_patch_shown_first_has_noise_and_texture(outputs, monkeypatch, tmp_path):
    random = np.random.RandomState(0)
    smooth = np.full((256, 256), 8000.0)
    rough = smooth + 4000 * (np.indices(smooth.shape).sum(0) // 8 % 2)
    clean = np.array([smooth, rough, smooth, rough])
    deviation = np.array([900, 900, 100, 100])[:, None, None]
    noisy = clean + deviation * random.normal(size=clean.shape)
    monkeypatch.setenv("RAWKIT_DATA", str(tmp_path / "data"))
    write_patches(tmp_path / "data" / places.TEST_INPUT, np.rint(noisy).astype(np.uint16))
    write_patches(outputs / "submit" / "result.bin", clean.astype(np.uint16))
    assert "Patch 1 of the test input" in page_of(outputs)
