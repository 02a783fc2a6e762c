"""The compare slider and the explorer in real front ends: JupyterLab 4, Notebook 7, plain HTML.

Needs Chromium and `npm install` in this folder; skipped without them unless
RAWKIT_BROWSER=required.  Screenshots stay in pytest's folder for temporary files.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import numpy as np
import pytest
from notebook_runs import new_notebook
from PIL import Image
from slider_pictures import pictures_of

from rawkit import places, write_patches
from rawkit.cli import pages
from rawkit.cli.index import write_index
from rawkit.view import compare

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
READY = CHROMIUM and shutil.which("node") and (HERE / "node_modules" / "playwright-core").is_dir()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not READY and os.environ.get("RAWKIT_BROWSER") != "required",
        reason="no chromium, node or playwright-core: see tests/browser/test_browser.py",
    ),
]
TOKEN = "tests"

MAKE_PATCHES = """
import numpy as np

rng = np.random.RandomState(0)
y, x = np.mgrid[:128, :128]
gt = np.stack([9000 + 6000 * np.sin(x / (5.0 + i)) * np.cos(y / 9.0) for i in range(3)])
noisy = np.round(gt + rng.standard_normal(gt.shape) * np.sqrt(60 * gt))
pred = np.round(gt + 0.2 * (noisy - gt))
"""
CELLS = (
    MAKE_PATCHES,
    """
from rawkit.view import compare, explore
compare([noisy[0], pred[0], gt[0]])
""",
    "compare([noisy[1], pred[1]], max_bytes=None)",
    """
import threading

def find(patches):
    # as for MegEngine, which works in no other thread
    assert threading.current_thread() is threading.main_thread()
    return pred[[int(np.argmin(np.abs(noisy - patches).sum((1, 2))))]]
explore(noisy, {"model": find}, gt)
""",
    'print("end of page", 1 + 1)',
)


def patches():
    return defined(MAKE_PATCHES, "noisy", "pred", "gt")


def defined(code, *names):
    """What these names are after the code has run."""
    space = {}
    exec(code, space)
    return [space[name] for name in names]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    nbformat.write(new_notebook(*CELLS), str(folder / "01_widgets.ipynb"))
    return folder


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    return private_environment(tmp_path_factory.mktemp("jupyter"))


def private_environment(private):
    """The variables of a Jupyter that knows nothing of this machine's settings."""
    config = private / "config" / "labconfig" / "page_config.json"
    config.parent.mkdir(parents=True)
    announcements = "@jupyterlab/apputils-extension:announcements"  # asks the network for news
    config.write_text(json.dumps({"disabledExtensions": {announcements: True}}))
    variables = {
        f"JUPYTER_{k.upper()}_DIR": str(private / k) for k in ("config", "data", "runtime")
    }
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return dict(os.environ, PYTHONPATH=path, IPYTHONDIR=str(private / "ipython"), **variables)


@pytest.fixture(scope="module")
def server(folder, environment):
    with jupyter_server(folder, environment) as address:
        yield address


@contextlib.contextmanager
def jupyter_server(folder, environment):
    """Serve a folder while the block runs; gives the address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--no-browser", "--ip=127.0.0.1", f"--port={port}", "--allow-root"]
    options += ["--IdentityProvider.token=" + TOKEN, f"--ServerApp.root_dir={folder}"]
    log = (folder / "server.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab"] + options, env=environment, stdout=log, stderr=log
    )
    address, end = f"http://127.0.0.1:{port}", time.time() + 180  # s, on a busy machine
    try:
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address}/api/status?token={TOKEN}", timeout=5)
                break
            assert process.poll() is None and time.time() < end, (folder / "server.log").read_text()
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(20)
        log.close()


@pytest.fixture
def drive(tmp_path):
    """Run drive.js; the screenshots stay where pytest keeps the folders of its last runs."""
    out = tmp_path / "screenshots"
    out.mkdir()

    def run(url, **options):
        job = dict(options, url=url, chromium=CHROMIUM, out=str(out))
        text = subprocess.check_output(
            ["node", "drive.js", json.dumps(job)], cwd=str(HERE), timeout=240
        )
        report = json.loads(text)
        assert report["faults"] == []
        hosts = {urlsplit(u).hostname for u in report["requests"] if u.startswith(("http", "ws"))}
        assert hosts <= {"127.0.0.1"}, report["requests"]
        report["images"] = {
            name: np.asarray(Image.open(str(out / (name + ".png"))).convert("RGB"))
            for name in report["shots"]
        }
        return report

    return run


def check_picture(shown, images, edges, lens):
    """Between the edges the screenshot is the enlarged image, pixel by pixel.

    Left out: names and handles, the dividers, and what the lens's frame may cover.
    """
    zoom = shown.shape[0] // images[0].shape[0]
    width = shown.shape[1]
    rows = slice(40, shown.shape[0] - 60)
    bounds = [0] + [int(round(edge * width)) for edge in edges] + [width]
    compared = 0
    for image, start, stop in zip(images, bounds, bounds[1:]):
        big = np.repeat(np.repeat(image, zoom, 0), zoom, 1)
        columns = np.arange(start + 4 * (start > 0), stop - 4 * (stop < width))
        columns = columns[np.abs(columns - lens * width) > 11 * zoom + 2]
        np.testing.assert_array_equal(shown[rows][:, columns], big[rows][:, columns])
        compared += len(columns)
    assert compared > width / 2


def check_slider(report):
    noisy, pred, gt = patches()
    images = pictures_of(compare([noisy[0], pred[0], gt[0]]))
    assert report["size"] == [4 * 128, 4 * 128]
    shots = report["images"]
    check_picture(shots["start"], images, (1 / 3, 2 / 3), lens=report["lens"])
    check_picture(shots["alone"], images[:1], (), lens=1 / 4)
    check_picture(shots["second"], images[1:2], (), lens=1 / 4)
    for way, edge, lens in (
        ("mouse", 1 / 4, 1 / 4),
        ("keyboard", 0.15, 1 / 4),
        ("touch", 0.4, 0.4),
    ):
        assert report[way] == pytest.approx([edge, 2 / 3], abs=0.003)
        check_picture(shots[way], images, report[way], lens)
    # the page's other slider stayed where it was
    assert [len(at) for at in report["others"]] == [1]
    assert report["others"][0] == pytest.approx([1 / 2], abs=0.003)


@pytest.mark.parametrize("front_end", ["lab/tree", "notebooks"], ids=["lab", "notebook"])
def test_widgets_live(server, drive, front_end):
    report = drive(f"{server}/{front_end}/01_widgets.ipynb?token={TOKEN}", run=True, explorer=True)
    check_slider(report)
    noisy, pred, gt = patches()
    images = pictures_of(compare([noisy[1], pred[1], gt[1]]))
    check_picture(report["images"]["explorer-next"], images, (1 / 3, 2 / 3), report["explorerLens"])
    assert report["explorerText"].startswith("patch 1 of 3")


PHOTOGRAPH = """
from rawkit.view import StrengthSlider, keep_upload
before = np.stack([noisy[0]] * 3, axis=-1).astype(np.float32) / 16384
after = np.stack([gt[0]] * 3, axis=-1).astype(np.float32) / 16384
tone = lambda light: np.uint8(np.rint(255 * np.clip(light, 0, 1)))
StrengthSlider(before, after, tone)
"""
UPLOAD = """
def keep(change):
    with answer:
        print("kept", keep_upload(upload, "kept").name)

import ipywidgets
upload, answer = ipywidgets.FileUpload(), ipywidgets.Output()
upload.observe(keep, "value")
ipywidgets.VBox([upload, answer])
"""


def test_a_photographs_noise_comes_back_and_a_file_goes_up(server, folder, drive, tmp_path):
    notebook = new_notebook(MAKE_PATCHES + PHOTOGRAPH, UPLOAD, CELLS[-1])
    nbformat.write(notebook, str(folder / "photograph.ipynb"))
    sent = tmp_path / "night.dng"
    sent.write_bytes(bytes(range(256)) * 2000)
    address = f"{server}/lab/workspaces/photo/tree/photograph.ipynb?token={TOKEN}"
    found = drive(address, run=True, upload=str(sent))
    before, after, tone = defined(MAKE_PATCHES + PHOTOGRAPH, "before", "after", "tone")
    assert "denoised, 50 %" in found["label"]
    images = tone(before), tone(before + np.float32(0.5) * (after - before))
    check_picture(found["images"]["half"], images, (1 / 2,), found["lens"])
    assert (folder / "kept" / "night.dng").read_bytes() == sent.read_bytes()


def test_report_drags_without_a_server(folder, environment, drive, monkeypatch):
    for name in ("PYTHONPATH", "IPYTHONDIR"):
        monkeypatch.setenv(name, environment[name])
    monkeypatch.setenv("RAWKIT_OUTPUTS", str(folder))
    monkeypatch.setattr(pages, "NOTEBOOKS", folder)
    (page,) = pages.run_notebooks()
    assert "Explorer of 3 patches (model)" in page.read_text()
    check_slider(drive(page.as_uri()))


@pytest.fixture
def index(monkeypatch, tmp_path):
    """The report's first page, of a dataset and an answer to it."""
    noisy, pred, gt = patches()
    whole = [np.tile(array, (1, 2, 2)).astype(np.uint16) for array in (noisy, pred, gt)]
    write_patches(tmp_path / "data" / places.TEST_INPUT, whole[0])
    write_patches(tmp_path / "data" / places.TEST_GT, whole[2])
    write_patches(tmp_path / "out" / "submit" / "result.bin", whole[1])
    (tmp_path / "out" / "submit" / "card.json").write_text('{"held_out_score": 9.5}')
    monkeypatch.setenv("RAWKIT_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("RAWKIT_OUTPUTS", str(tmp_path / "out"))
    return write_index(), whole


def test_the_reports_first_page(index, drive):
    path, (noisy, pred, gt) = index
    found = drive(path.as_uri())
    (i,) = [i for i in range(3) if f"Patch {i} of the test input" in path.read_text()]
    shown = pictures_of(compare([noisy[i], pred[i], gt[i]], max_bytes=None))
    check_picture(found["images"]["start"], shown, (1 / 3, 2 / 3), found["lens"])
    assert found["mouse"] == pytest.approx([1 / 4, 2 / 3], abs=0.003)


def test_fingers_paging_keys_forced_colors_and_a_phones_width(index, drive):
    path, _ = index
    path.write_text(path.read_text() + "<div style='height: 2000px'></div>")
    found = drive(path.as_uri(), details=True)
    first = [at[0] for at in found["paged"]]
    assert first == pytest.approx([1 / 3, 1 / 3 + 0.1, 1 / 3, 1 / 3 - 0.1], abs=0.003)
    before, after = found["swipe"]
    assert after["top"] > before["top"] + 100
    assert (after["dividers"], after["lens"]) == (before["dividers"], before["lens"])
    assert found["tap"]["dividers"] == pytest.approx([1 / 3 - 0.1, 0.9], abs=0.003)
    assert found["forced"][0] != found["forced"][1]
    assert found["narrow"] == 390
    assert len(set(found["lenses"])) == 1  # side by side
