"""What two languages of one text must have in common: parts of Markdown, for comparing."""

import re

FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`]+`")


def without_fences(text):
    return FENCE.sub("", text)


def fences(text):
    """Blocks of code: language and content."""
    return FENCE.findall(text)


def inline_code(text):
    return sorted(" ".join(code.split()) for code in CODE.findall(without_fences(text)))


def numbers(text):
    return sorted(re.findall(r"\d+(?:[.,]\d+)*", without_fences(text)))


def links(text):
    """Link and picture targets."""
    return sorted(re.findall(r"\]\(([^)\s]+)\)", without_fences(text)))
