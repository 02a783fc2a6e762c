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


def test_conda_takes_the_same_versions():
    lines = [line.strip() for line in (ROOT / "environment.yml").read_text().splitlines()]
    assert any(line.startswith("- -r requirements.txt") for line in lines)
    assert any(line.startswith("- python=3.10") for line in lines)
    assert (ROOT / ".python-version").read_text().strip() == "3.10"


def test_the_installed_versions_are_the_pinned_ones():
    if sys.version_info[:2] != (3, 10):
        pytest.skip("the versions are pinned for Python 3.10")
    from importlib.metadata import version

    assert {name: version(name) for name in pins()} == pins()
