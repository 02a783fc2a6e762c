"""Run the notebooks in order, without a browser, and keep what they show as HTML."""

import os
import re
import tempfile
import time
from pathlib import Path

from ..places import ROOT, atomic_file, outputs_folder, show_path
from .index import write_index

NOTEBOOKS = ROOT / "notebooks"
# the way back; and a progress bar, which goes to stderr, is no error that should be red
TOP = """
<p style="margin: 12px"><a style="color: #0a58ca" href="index.html">All notebooks</a></p>
<style>
.jp-RenderedText[data-mime-type="application/vnd.jupyter.stderr"] { background: none }
</style>
"""


def run_notebooks(names=None, save=False):
    """Execute notebooks from top to bottom, each in a fresh kernel.

    Each becomes an HTML page in the outputs folder, `report/`, beside the executed
    notebook itself; `index.html` there leads to all.  No page needs a network.

    Parameters
    ----------
    names : list of str, or None
        File names, or their beginnings ("02"); None runs all that have a number, in order.
    save : bool
        Also write the outputs into the notebooks themselves: how the committed
        outputs are made.

    Returns
    -------
    list of Path
        The pages.

    Raises
    ------
    FileNotFoundError
        If a name fits no notebook.
    ValueError
        If a cell fails; its page shows where.
    """
    import nbformat

    report = outputs_folder() / "report"
    paths = _find(names)
    pages = []
    for i, path in enumerate(paths, start=1):
        began = time.time()
        notebook = nbformat.read(str(path), as_version=4)
        error = execute(notebook, "[%d/%d] %s" % (i, len(paths), path.stem))
        page = report / (path.stem + ".html")
        with atomic_file(page) as file:
            file.write(_to_html(notebook).encode())
        with atomic_file(page.with_suffix(".ipynb")) as file:
            file.write(nbformat.writes(notebook).encode())
        index = write_index()
        if error:
            raise ValueError(
                "%s: %s; the page up to there is %s" % (show_path(path), error, show_path(page))
            )
        if save:
            with atomic_file(path) as file:
                file.write((nbformat.writes(notebook).rstrip("\n") + "\n").encode())
        print("%s  %.0f s" % (show_path(page), time.time() - began), flush=True)
        pages.append(page)
    print("All of it: %s" % show_path(index))
    return pages


def _find(names):
    every = sorted(NOTEBOOKS.glob("*.ipynb"))  # a reader's own as well
    if not names:
        return [path for path in every if path.name[0].isdigit()]
    chosen = []
    for name in names:
        name = name.zfill(2) if name.isdigit() else name
        fitting = [path for path in every if path.name.startswith(Path(name).name)]
        if not fitting:
            raise FileNotFoundError(
                "%s: found no such notebook, expected one of %s"
                % (name, ", ".join(path.name for path in every))
            )
        chosen += fitting
    return chosen


def execute(notebook, title):
    """Run all cells of a notebook in a fresh kernel, in place.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
    title : str
        Shown before the progress bar.

    Returns
    -------
    str or None
        The last line of the error that stopped it.
    """
    from jupyter_client.kernelspec import KernelSpecManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError
    from tqdm import tqdm

    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in code:  # what an earlier run left behind is not this run's
        cell.outputs, cell.execution_count = [], None
        cell.metadata.pop("execution", None)
    # a folder for what Jupyter would read from the user's home, or write there
    with tempfile.TemporaryDirectory() as private, tqdm(
        total=len(code), desc=title, unit="cell", leave=False
    ) as bar:
        client = NotebookClient(
            notebook,
            timeout=None,
            kernel_name="python3",
            record_timing=False,
            coalesce_streams=True,  # a progress bar leaves its last line only
            extra_arguments=["--log-level=ERROR"],  # a kernel on this machine needs no warning
            store_widget_state=False,  # large, and empty without a kernel anyway
            resources={"metadata": {"path": str(NOTEBOOKS)}},
            on_cell_executed=lambda cell, cell_index, execute_reply: bar.update(),
        )
        manager = client.create_kernel_manager()
        manager.connection_file = str(Path(private) / "kernel.json")
        # this Python's own kernel, whichever ones the user has registered
        manager.kernel_spec_manager = KernelSpecManager(kernel_dirs=[])
        try:
            client.execute(env=dict(os.environ, IPYTHONDIR=private))
        except CellExecutionError as error:
            return "%s: %s" % (error.ename, error.evalue)
        except DeadKernelError:
            return "the kernel was killed, perhaps for want of memory"
    return None


def _to_html(notebook):
    from nbconvert import HTMLExporter

    # the page must work offline: no script from elsewhere
    exporter = HTMLExporter(mathjax_url="", require_js_url="", jquery_url="", mermaid_js_url="")
    page = exporter.from_notebook_node(notebook)[0]
    # among the pages one goes on from page to page; what was not run yet has none
    page = re.sub(r'href="([^"/:]+)\.ipynb"', r'href="\1.html"', page)
    return re.sub("(<body[^>]*>)", r"\1" + TOP, page, count=1)
