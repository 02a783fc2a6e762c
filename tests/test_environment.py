"""requirements.txt is the single source of versions: it has all that pyproject.toml asks for."""

import re
import sys

import pytest

from rawkit.places import ROOT

tomllib = pytest.importorskip("tomllib" if sys.version_info >= (3, 11) else "tomli")

PIN = re.compile(r"([A-Za-z0-9_.-]+)==(\S+)")


def pins(name="requirements.txt"):
    lines = (ROOT / name).read_text().splitlines()
    return dict(PIN.fullmatch(line).groups() for line in lines if line and line[0] != "#")


def test_every_package_that_is_asked_for_has_its_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed, for_tests = project["dependencies"], project["optional-dependencies"]["test"]
    names = [re.match(r"[\w-]+", requirement).group() for requirement in needed + for_tests]
    assert set(names) <= set(pins())
    assert set(names[: len(needed)]) <= set(pins("tests/requirements-3.7.txt"))
