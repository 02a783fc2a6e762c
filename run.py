#!/usr/bin/env python3
"""Set everything up, then run the notebooks, the tests or JupyterLab.

    python3 run.py          all notebooks in order, then outputs/submit/result.bin
    python3 run.py test     every test, notebooks included
    python3 run.py lab      JupyterLab, opened at notebook 01

Works with any Python 3.6 or newer: it only starts uv, which finds or fetches the
Python 3.10 that MegEngine needs and fills the folder .venv beside this file.
"""

import os
import platform
import subprocess
import sys

ROOT = os.path.dirname(os.path.abspath(__file__))
VENV_PYTHON = os.path.join(ROOT, ".venv", "bin", "python")
PRIVATE_UV = os.path.join(ROOT, ".uv")  # used where uv is not installed

RUFF = ["-m", "ruff"]
COMMANDS = {
    "notebooks": [["-m", "rawkit", "notebooks"]],
    "test": [
        RUFF + ["check", "."],
        RUFF + ["format", "--check", "."],
        ["-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        ["-m", "pytest"],
    ],
    "lab": [["-m", "jupyter", "lab", "notebooks/01_data_exploration.ipynb"]],
}


def stop(message):
    sys.exit("run.py: " + message)


def check_platform():
    found = "%s on %s" % (platform.system(), platform.machine())
    if found != "Linux on x86_64":
        stop(
            "found %s, expected Linux on x86_64, which MegEngine is built for "
            "(on Windows, use WSL; elsewhere, a hosted Jupyter such as MegStudio)" % found
        )


def works(uv, environment):
    try:  # a version manager's stand-in can be on the path and lead nowhere
        return not subprocess.call(
            uv + ["--version"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return False


def find_uv():
    """The command that starts uv; fetched into .uv where there is none."""
    if works(["uv"], os.environ):
        return ["uv"], os.environ
    # --target leaves the user's own Python alone and works where that is protected
    environment = dict(os.environ, PYTHONPATH=PRIVATE_UV)
    uv = [sys.executable, "-m", "uv"]
    if not works(uv, environment):
        print("Fetching uv, the installer, into .uv", flush=True)
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        if subprocess.call(pip + ["--target", PRIVATE_UV, "uv"]):
            stop("could not install uv with pip; install uv by hand, then run this again")
    return uv, environment


def set_up():
    uv, environment = find_uv()
    if not os.path.exists(VENV_PYTHON):
        print("Setting up .venv. The first time downloads about 1.2 GB.", flush=True)
    environment = dict(environment)
    environment.pop("VIRTUAL_ENV", None)  # another active environment is not the one meant
    if subprocess.call(uv + ["sync", "--extra", "test"], cwd=ROOT, env=environment):
        stop("uv could not set up .venv (its message is above)")
    check = subprocess.run(
        [VENV_PYTHON, "-c", "import megengine"], stderr=subprocess.PIPE, universal_newlines=True
    )
    if check.returncode:
        reason = (check.stderr.strip().splitlines() or ["it says no reason"])[-1]
        hint = "; on Debian or Ubuntu: sudo apt-get install libgl1 libglib2.0-0"
        stop("MegEngine does not start: %s%s" % (reason, hint if ".so" in reason else ""))


def main():
    name = sys.argv[1] if len(sys.argv) > 1 else "notebooks"
    if name not in COMMANDS:
        stop("found %r, expected one of %s" % (name, ", ".join(COMMANDS)))
    check_platform()
    set_up()
    for command in COMMANDS[name]:
        extra = sys.argv[2:] if command is COMMANDS[name][-1] else []
        status = subprocess.call([VENV_PYTHON] + command + extra, cwd=ROOT)
        if status:
            sys.exit(status)


if __name__ == "__main__":
    main()
