"""requirements.txt is the single source of versions: it has all that pyproject.toml asks for."""

import re

import pytest

from rawkit.places import ROOT

tomli = pytest.importorskip("tomli")


def pins(name="requirements.txt"):
    return set(re.findall(r"^([\w.-]+)==\S+$", (ROOT / name).read_text(), re.MULTILINE))


def test_every_package_that_is_asked_for_has_its_version():
    project = tomli.loads((ROOT / "pyproject.toml").read_text())["project"]
    parts = project["dependencies"], project["optional-dependencies"]["test"]
    needed, for_tests = ({re.match(r"[\w-]+", x).group() for x in part} for part in parts)
    assert needed | for_tests <= pins() and needed <= pins("tests/requirements-3.7.txt")
