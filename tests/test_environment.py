"""requirements.txt is the single source of versions: it has all that pyproject.toml asks for."""

import re

from rawkit.places import ROOT


def pins(name="requirements.txt"):
    return set(re.findall(r"^([\w.-]+)==\S+$", (ROOT / name).read_text(), re.MULTILINE))


def test_every_package_that_is_asked_for_has_its_version():
    text = (ROOT / "pyproject.toml").read_text()
    needed, for_tests = re.findall(r"^(?:dependencies|test) = \[([^]]*)\]", text, re.MULTILINE)
    needed, for_tests = (set(re.findall(r'"([\w-]+)', part)) for part in (needed, for_tests))
    assert needed and needed | for_tests <= pins()
    assert needed <= pins("tests/requirements-3.7.txt")
