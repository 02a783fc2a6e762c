"""The report: its first page as text, and the pages; tests/browser looks at it as a picture."""

import json
import os
import re
import signal
import time
from urllib.parse import unquote

import nbformat
import numpy as np
import pytest
from notebook_runs import new_notebook

from rawkit import places, write_patches
from rawkit.cli import pages
from rawkit.cli.index import write_index
from rawkit.cli.pages import run_notebooks


@pytest.fixture
def outputs(monkeypatch, tmp_path):
    monkeypatch.setenv("RAWKIT_OUTPUTS", str(tmp_path / "outputs"))
    return tmp_path / "outputs"


@pytest.fixture
def notebooks(monkeypatch, tmp_path):
    """A folder in the notebooks' place, and what writes a notebook into it."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    monkeypatch.setattr(pages, "NOTEBOOKS", folder)

    def write(name, code):
        nbformat.write(new_notebook(code), str(folder / (name + ".ipynb")))

    return write


def index_of():
    return write_index().read_text(encoding="utf-8")


def test_the_pages_are_linked(outputs):
    (outputs / "report").mkdir(parents=True)
    for name in ("02_it", "my #1 <x>"):
        (outputs / "report" / (name + ".html")).write_text("")
    index_of()
    page = index_of()  # which is no page of a notebook
    assert '<li><a href="02_it.html">02 it</a></li><li><a href="my%20%231%20%3Cx%3E.html">' in page
    assert page.count("<li>") == 2 and "my #1 &lt;x&gt;</a>" in page


def test_the_card_of_the_answer_is_told_in_words(outputs):
    card = {"parameters": 1, "self_ensemble": False, "held_out_score": None, "versions": {"a": 2}}
    (outputs / "submit").mkdir(parents=True)
    (outputs / "submit" / "card.json").write_text(json.dumps(card))
    page = index_of()
    rows = dict(re.findall("<tr><th>([^<]*)<td>([^<]*)", page))
    expected = ("parameters", "1"), ("self ensemble", "no"), ("held out score", "not known")
    assert rows == dict(expected, versions="a 2")
    assert "No result.bin yet" in page


def test_an_answer_to_another_input_is_not_compared(outputs):
    write_patches(outputs / "submit" / "result.bin", np.ones((3, 256, 256), np.uint16))
    count = len(np.fromfile(str(places.ROOT / "data" / places.TEST_INPUT), "<u2")) // 65536
    page = index_of()
    assert f"result.bin: found 3 patches, expected {count} as in" in page
    assert "rawkit-compare" not in page


def test_a_photograph_is_linked(outputs):
    (outputs / "photo").mkdir(parents=True)
    for name in ("a #1%_denoised.jpg", "a #1%_denoised.dng", "d.dng"):
        (outputs / "photo" / name).write_bytes(b"")
    links = re.findall('"../photo/([^"]*)"', index_of())
    assert [unquote(link) for link in links] == ["a #1%_denoised.dng", "a #1%_denoised.jpg"]
    assert not re.search("[ #?]|%(?![0-9A-F]{2})", "".join(links))  # of which a browser cuts names


def test_the_patch_shown_has_noise_that_one_sees_and_texture(outputs, monkeypatch, tmp_path):
    random = np.random.RandomState(0)
    smooth = np.full((256, 256), 8000.0)
    rough = smooth + 4000 * (np.indices(smooth.shape).sum(0) // 8 % 2)
    clean = np.array([smooth, rough, smooth, rough] * 2)
    deviation = np.array([900, 900, 100, 100] + [50] * 4)[:, None, None]
    noisy = clean + deviation * random.normal(size=clean.shape)
    monkeypatch.setenv("RAWKIT_DATA", str(tmp_path / "data"))
    write_patches(tmp_path / "data" / places.TEST_INPUT, np.rint(noisy).astype(np.uint16))
    write_patches(outputs / "submit" / "result.bin", clean.astype(np.uint16))
    page = index_of()
    assert "Patch 1 of the test input" in page and "rawkit-compare" in page
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", page)  # nothing from the network


def test_a_notebook_of_ones_own_is_run_by_its_name_alone(outputs, notebooks, capsys):
    for name in ("01_first", "my_network"):
        notebooks(name, "6 * 7")
    assert [page.name for page in run_notebooks(["my_network"])] == ["my_network.html"]
    assert [page.name for page in run_notebooks()] == ["01_first.html"]
    index = (outputs / "report" / "index.html").read_text(encoding="utf-8")
    assert ">my network</a>" in index and ">01 first</a>" in index
    assert [path.name for path in pages.find_notebooks(["1"])] == ["01_first.ipynb"]


def test_a_notebook_that_stops_or_is_damaged_is_named(outputs, notebooks, fails):
    notebooks("01_stops", "1 / 0")
    (pages.NOTEBOOKS / "02_damaged.ipynb").write_text('{"cells": [1]')
    (pages.NOTEBOOKS / "03_other.ipynb").write_text('{"cells": [1], "nbformat": 4}')
    for name, words in (
        ("01", "01_stops.ipynb: ZeroDivisionError: division by zero; "),
        ("02", "02_damaged.ipynb: found no notebook ("),
        ("03", "03_other.ipynb: found no notebook ("),
    ):
        assert words in fails("notebooks", name)
    assert "ZeroDivisionError" in (outputs / "report" / "01_stops.html").read_text()


def test_a_page_leads_to_pages(notebooks):
    notebooks("03_it", "")
    text = "[next](03_it.ipynb), [elsewhere](https://host/03_it.ipynb), [data](../data/README.md)"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text)])
    page = pages._to_html(notebook)
    assert 'href="03_it.html"' in page and 'href="https://host/03_it.ipynb"' in page
    assert page.count('href="index.html"') == 1
    assert len(notebook.cells) == 1


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_notebooks_and_their_kernel(number, outputs, notebooks, tmp_path, start):
    note = tmp_path / "kernel"
    notebooks("01_long", f"import os, time\nopen({str(note)!r}, 'w').write(str(os.getpid()))\n"
                         "time.sleep(600)")  # fmt: skip
    program = "import pathlib; from rawkit.cli import main, pages\n"
    program += f"pages.NOTEBOOKS = pathlib.Path({str(pages.NOTEBOOKS)!r}); main.run()"
    child = start("-c", program, "notebooks")
    while not note.exists() or not note.read_text():
        assert child.poll() is None, child.stderr.read()
        time.sleep(0.1)
    child.send_signal(number)
    errors = child.communicate()[1].decode()
    assert (child.returncode, "Traceback" in errors) == (128 + number, False), errors
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)
