"""The Chinese notebooks: built from what is committed, complete, and saying what the English say.

Whether they say it in good Chinese, only a reader can tell.
"""

import re
from collections import Counter

import nbformat
import pytest
from text_parts import CODE, fences, inline_code, links, numbers, without_fences

from rawkit.cli import pages
from rawkit.cli.translation import build_notebooks, translate, update

polib = pytest.importorskip("polib")  # for development; Python 3.7 runs without it

FOLDER = pages.NOTEBOOKS / "zh"
CATALOGS = sorted(FOLDER.glob("*.po"))
HAN, LATIN = "[\u4e00-\u9fff]", "[A-Za-z0-9]"
TYPOGRAPHY = {  # what no Chinese typesetter would let pass
    "no space between Chinese and Latin": f"{HAN}[*`]*{LATIN}|{LATIN}[*`]*{HAN}|{HAN}`|`{HAN}",
    "half-width punctuation": f"{HAN}[*`]*[,;:!?.(]|[,;:!?)]{HAN}",
    "a space at full-width punctuation": r" [，。；：！？、）]|[，；、（] ",
}


def read(catalog):
    return nbformat.read(str(pages.NOTEBOOKS / f"{catalog.stem}.ipynb"), as_version=4)


def formulas(text):
    """Symbols: the words in a formula may be translated."""
    return sorted(re.findall("[√·±≤≥²σΔ′=→]", without_fences(text)))


def structure(text):
    """How many of each HTML tag; Chinese is emphasized otherwise than in italics."""
    from nbconvert.filters import markdown2html

    tags = Counter(re.findall(r"<([a-z]\w*)", markdown2html(text)))
    return {tag: count for tag, count in tags.items() if tag not in ("em", "strong", "span")}


def test_each_english_notebook_has_its_catalog():
    assert [path.stem for path in CATALOGS] == [path.stem for path in pages.find_notebooks()]


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.stem)
def test_the_catalog_is_complete_and_the_notebook_is_what_it_gives(path):
    catalog, notebook = polib.pofile(str(path)), read(path)
    assert [entry.msgctxt for entry in catalog if not entry.translated()] == []
    assert list(update(catalog, notebook)) == list(catalog), "the English has changed"
    built = path.with_suffix(".ipynb").read_text(encoding="utf-8")
    assert built == nbformat.writes(translate(notebook, catalog)) + "\n"


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.stem)
@pytest.mark.parametrize("part", [fences, inline_code, numbers, formulas, links, structure])
def test_both_languages_agree_in(path, part):
    for entry in polib.pofile(str(path)):
        assert part(entry.msgstr) == part(entry.msgid), entry.msgctxt


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.stem)
def test_typography_and_links(path):
    for entry in polib.pofile(str(path)):
        text = CODE.sub("`x`", without_fences(entry.msgstr))
        prose = "\n".join(line for line in text.splitlines() if not line.startswith("    "))
        assert re.search(HAN, prose), entry.msgctxt
        for fault, pattern in TYPOGRAPHY.items():
            found = re.search(f".*(?:{pattern}).*", re.sub(r"\]\([^)]*\)", "]", prose))
            assert found is None, f"{entry.msgctxt}: {fault}: {found.group()}"
        for bold in re.finditer(r"\*\*([^*]+)\*\*", prose):  # CommonMark would not render it
            first, last, after = bold[1][0], bold[1][-1], prose[bold.end() : bold.end() + 1]
            assert first.isalnum() and (last.isalnum() or not after.isalnum()), bold.group()
        for target in links(entry.msgstr):
            assert "://" in target or (FOLDER / target.split("#")[0]).exists(), target


def test_a_changed_cell_waits_for_the_translator_and_a_new_one_too(monkeypatch, tmp_path, capsys):
    def build(*texts):
        cells = [nbformat.v4.new_markdown_cell(text, id=f"c{i}") for i, text in enumerate(texts)]
        cells += [nbformat.v4.new_code_cell("1", id="code")]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), str(tmp_path / "01_it.ipynb"))
        build_notebooks("zh", ["01"])
        waiting = capsys.readouterr().out.strip().rpartition("to translate: ")[2]
        built = nbformat.read(str(tmp_path / "zh" / "01_it.ipynb"), as_version=4)
        return waiting, [cell.source for cell in built.cells]

    monkeypatch.setattr(pages, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr("rawkit.cli.translation.NOTEBOOKS", tmp_path)
    (tmp_path / "zh").mkdir()
    assert build("one", "two") == ("2", ["one", "two", "1"])
    catalog = polib.pofile(str(tmp_path / "zh" / "01_it.po"))
    for entry, text in zip(catalog, "一二"):
        entry.msgstr = text
    catalog.save()
    assert build("one", "two")[1] == ["一", "二", "1"]
    assert build("one", "2", "three") == ("2", ["一", "2", "three", "1"])
    changed = polib.pofile(str(tmp_path / "zh" / "01_it.po"))[1]
    assert (changed.msgid, changed.msgstr, changed.previous_msgid) == ("2", "二", "two")
    assert changed.fuzzy
