"""The notebooks in another language: the English ones, with texts from gettext files.

The texts are in `notebooks/LANGUAGE/*.po`; `python -m rawkit notebooks --language LANGUAGE` builds.
"""

from ..places import show_path, write_whole
from .pages import NOTEBOOKS, find_notebooks


def build_notebooks(language, names=None):
    """Write `notebooks/LANGUAGE/*.ipynb`, and bring the .po files up to date.

    A built notebook is the English one, outputs included, but for its markdown cells.  Where
    a text is missing or the English has changed since (*fuzzy*), the English stands;
    how many cells so wait for a translator is printed.

    Parameters
    ----------
    language : str
        Such as "zh".
    names : list of str, or None
        File names, or their beginnings; None: those that have a .po file.
    """
    import nbformat
    import polib

    folder = NOTEBOOKS / language
    for path in find_notebooks(names):
        catalog_path = folder / f"{path.stem}.po"
        if not catalog_path.is_file() and not names:
            continue
        notebook = nbformat.read(str(path), as_version=4)
        old = polib.pofile(str(catalog_path)) if catalog_path.is_file() else ()
        catalog = update(old, notebook)
        catalog.metadata = {"Language": language, "Content-Type": "text/plain; charset=UTF-8"}
        write_whole(catalog_path, f"{catalog}\n".encode())
        built = nbformat.writes(translate(notebook, catalog)) + "\n"
        write_whole(folder / path.name, built.encode())
        todo = sum(not entry.translated() for entry in catalog)
        print(f"{show_path(folder / path.name)}" + f"  to translate: {todo}" * bool(todo))


def update(catalog, notebook):
    """A new catalog: an entry for each markdown cell, fuzzy where its English has changed."""
    import polib

    known, updated = {entry.msgctxt: entry for entry in catalog}, polib.POFile(wrapwidth=96)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            entry = known.get(cell.id) or polib.POEntry(msgctxt=cell.id)
            if entry.msgid != cell.source and entry.msgstr and not entry.fuzzy:
                entry.previous_msgid = entry.msgid
                entry.flags.append("fuzzy")
            entry.msgid = cell.source
            updated.append(entry)
    return updated


def translate(notebook, catalog):
    """Put the texts of a catalog into a notebook, in place."""
    texts = {entry.msgctxt: entry.msgstr for entry in catalog if entry.translated()}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = texts.get(cell.id, cell.source)
    return notebook
