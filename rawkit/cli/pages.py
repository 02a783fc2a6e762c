"""The command `notebooks`: run them in order, and keep what they show as HTML pages."""

import asyncio
import copy
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbconvert import HTMLExporter
from nbconvert.preprocessors import ClearOutputPreprocessor
from tqdm import tqdm

from ..places import ROOT, outputs_folder, show_path, write_whole
from .index import write_index
from .main import describe

NOTEBOOKS = ROOT / "notebooks"
# the way back; a progress bar, which goes to stderr, is no error that should be red; and on a
# narrow screen printed tables and formulas scroll, where wrapped lines would tear them apart
TOP = """[All notebooks](index.html)
<style>.jp-RenderedText[data-mime-type="application/vnd.jupyter.stderr"] { background: none }
.jp-OutputArea-output pre, .jp-RenderedMarkdown pre { white-space: pre; overflow-x: auto }
.jp-RenderedMarkdown pre code { white-space: pre }
</style>"""


def run_notebooks(names=None, save=False, language=""):
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
    language : str
        The folder in `notebooks/` whose notebooks are run, such as "zh"; "" for the English ones.

    Returns
    -------
    list of Path
        The pages.

    Raises
    ------
    FileNotFoundError
        If a name fits no notebook.
    ValueError
        If a file is no notebook, or a cell fails; then its page shows where.
    """
    report, paths, pages = outputs_folder() / "report", find_notebooks(names, language), []
    ending = f".{language}.html" if language else ".html"
    for number, path in enumerate(paths, start=1):
        began, page = time.time(), report / (path.stem + ending)
        try:
            notebook = nbformat.read(str(path), as_version=4)
        except Exception as error:  # whatever a damaged file makes nbformat raise
            raise ValueError(f"{path}: found no notebook ({describe(error)})") from None
        error = execute(notebook, f"[{number}/{len(paths)}] {path.stem}", path.parent)
        text = nbformat.writes(notebook).rstrip("\n") + "\n"
        write_whole(page, _to_html(notebook, ending).encode())
        write_whole(page.with_suffix(".ipynb"), text.encode())
        index = write_index()
        if error:
            raise ValueError(f"{show_path(path)}: {error}; {show_path(page)} shows where")
        if save:
            write_whole(path, text.encode())
        print(f"{show_path(page)}  {time.time() - began:.0f} s", flush=True)
        pages.append(page)
    print(f"All of it: {show_path(index)}")
    return pages


def find_notebooks(names=None, language=""):
    """The notebooks that `run_notebooks` runs."""
    every = sorted((NOTEBOOKS / language).glob("*.ipynb"))  # a reader's own as well
    if not names:
        return [path for path in every if path.name[0].isdigit()]
    chosen = []
    for name in names:
        beginning = Path(name.zfill(2) if name.isdigit() else name).name
        fitting = [path for path in every if path.name.startswith(beginning)]
        if not fitting:
            expected = ", ".join(path.name for path in every)
            raise FileNotFoundError(f"{name}: found no such notebook, expected one of {expected}")
        chosen += fitting
    return chosen


def execute(notebook, title, folder=None):
    """Run all cells of a notebook in a fresh kernel, in place.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
    title : str
        Shown before the progress bar.
    folder : Path, optional
        Where it runs; default: that of the English notebooks.

    Returns
    -------
    str or None
        The last line of the error that stopped it.
    """
    # what an earlier run left behind is not this run's
    ClearOutputPreprocessor(remove_metadata_fields={"execution"}).preprocess(notebook, {})
    count = sum(cell.cell_type == "code" for cell in notebook.cells)
    # a folder for what Jupyter would read from the user's home, or write there
    with tempfile.TemporaryDirectory() as private, tqdm(
        total=count, desc=title, unit="cell", leave=False
    ) as bar:
        client = NotebookClient(
            notebook,
            timeout=None,
            kernel_name="python3",
            record_timing=False,
            coalesce_streams=True,  # a progress bar leaves its last line only
            extra_arguments=["--log-level=ERROR"],  # a kernel on this machine needs no warning
            store_widget_state=False,  # large, and empty without a kernel anyway
            resources={"metadata": {"path": str(folder or NOTEBOOKS)}},
            on_cell_executed=lambda cell, cell_index, execute_reply: bar.update(),
        )
        manager = client.create_kernel_manager()
        manager.connection_file = str(Path(private) / "kernel.json")
        # this Python's own kernel, whichever ones the user has registered
        manager.kernel_spec_manager = KernelSpecManager(kernel_dirs=[])
        try:
            _run(client, dict(os.environ, IPYTHONDIR=private))
        except CellExecutionError as error:
            return f"{error.ename}: {error.evalue}"
        except DeadKernelError:
            return "the kernel was killed, perhaps for want of memory"
    return None


def _run(client, environment):
    """Run a client in another thread: in this one it would take the signals for itself."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(client.async_execute(env=environment))
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(loop.run_until_complete, task)
        try:
            ended.result()
        except KeyboardInterrupt:
            client.shutdown_kernel = "immediate"
            loop.call_soon_threadsafe(task.cancel)
            raise
    loop.close()


def _to_html(notebook, ending=".html"):
    page = copy.deepcopy(notebook)
    page.cells = [nbformat.v4.new_markdown_cell(TOP)] + page.cells
    for cell in page.cells:
        if cell.cell_type == "markdown":  # among the pages one goes on from page to page
            for path in NOTEBOOKS.glob("*.ipynb"):
                cell.source = cell.source.replace(f"({path.name})", f"({path.stem}{ending})")
    # the page must work offline: no script from elsewhere
    exporter = HTMLExporter(mathjax_url="", require_js_url="", jquery_url="", mermaid_js_url="")
    return exporter.from_notebook_node(page)[0]
