"""README in English and in Chinese: one content, nothing dead, nothing left to fill in."""

import re

import pytest

from rawkit.places import ROOT

ENGLISH, CHINESE = NAMES = ("README.md", "README.zh-CN.md")
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def prose(name):
    """The text without its code blocks, where # is a comment."""
    return FENCE.sub("", read(name))


def heading_levels(name):
    return [len(marks) for marks in re.findall(r"^(#+) ", prose(name), re.MULTILINE)]


def sections(name):
    """The text from heading to heading."""
    return re.split(r"^#+ .*$", prose(name), flags=re.MULTILINE)


def commands(name):
    """What one types: the first column of a code block's line, and options in brackets."""
    found = []
    for language, block in FENCE.findall(read(name)):
        for line in block.splitlines():
            columns = re.split(r"\s{2,}", line.split("#")[0].strip())
            typed = columns[:1] + [part for part in columns[1:] if part.startswith("[")]
            found.append((language, " ".join(typed)))
    return found


def code_numbers(name):
    return [NUMBER.findall(block) for _, block in FENCE.findall(read(name))]


def table_numbers(name):
    """The numbers of every table, row by row; words may stand in another order."""
    rows = re.findall(r"^\|.*\|$", prose(name), re.MULTILINE)
    return [sorted(NUMBER.findall(row)) for row in rows]


def section_numbers(name):
    return [sorted(NUMBER.findall(section)) for section in sections(name)]


def inline_code(name):
    return [set(re.findall(r"`([^`\n]+)`", section)) for section in sections(name)]


def links(name):
    """Link and picture targets, without the other README; of notebooks, the English ones."""
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(name).replace("(notebooks/zh/", "(notebooks/"))
    return sorted(target for target in targets if target not in NAMES)


PARTS = heading_levels, commands, code_numbers, table_numbers, section_numbers, inline_code, links


@pytest.mark.parametrize("part", PARTS)
def test_both_languages_agree_in(part):
    english = part(ENGLISH)
    assert english, "found nothing to compare"
    assert part(CHINESE) == english


@pytest.mark.parametrize("name, other", [NAMES, NAMES[::-1]])
def test_every_link_into_the_checkout_leads_somewhere(name, other):
    assert f"]({other})" in "\n".join(read(name).splitlines()[:5]), "the other language, on top"
    targets = [target.split("#")[0] for target in links(name) if "://" not in target]
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []
