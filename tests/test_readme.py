"""README in English and in Chinese: one content, nothing dead."""

import re

import pytest
from text_parts import fences, inline_code, links, numbers, without_fences

from rawkit.places import ROOT

ENGLISH, CHINESE = NAMES = ("README.md", "README.zh-CN.md")


def read(name):
    """The text; its links lead to the English notebooks, and not to the other README."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("(notebooks/zh/", "(notebooks/")
    return re.sub(r"\]\(README[^)]*\)", "]", text)


def heading_levels(text):
    return [len(marks) for marks in re.findall(r"^(#+) ", without_fences(text), re.MULTILINE)]


def commands(text):
    """What one types: the first column of a code block's line, and options in brackets."""
    found = []
    for language, block in fences(text):
        for line in block.splitlines():
            columns = re.split(r"\s{2,}", line.split("#")[0].strip())
            typed = columns[:1] + [part for part in columns[1:] if part.startswith("[")]
            found.append((language, " ".join(typed)))
    return found


def code_numbers(text):
    return [numbers(block) for _, block in fences(text)]


def table_numbers(text):
    """The numbers of every table, row by row; words may stand in another order."""
    return [numbers(row) for row in re.findall(r"^\|.*\|$", text, re.MULTILINE)]


def sections(text):
    """Numbers and inline code from heading to heading."""
    texts = re.split(r"^#+ .*$", without_fences(text), flags=re.MULTILINE)
    return [(numbers(section), set(inline_code(section))) for section in texts]


@pytest.mark.parametrize(
    "part", [heading_levels, commands, code_numbers, table_numbers, sections, links]
)
def test_both_languages_agree_in(part):
    english = part(read(ENGLISH))
    assert english, "found nothing to compare"
    assert part(read(CHINESE)) == english


@pytest.mark.parametrize("name, other", [NAMES, NAMES[::-1]])
def test_every_link_into_the_checkout_leads_somewhere(name, other):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert f"]({other})" in "\n".join(text.splitlines()[:5]), "the other language, on top"
    targets = [target.split("#")[0] for target in links(text) if "://" not in target]
    assert [target for target in targets if not (ROOT / target).exists()] == []
