"""What is installed, found and usable here, and what to do about the rest.

A check returns what it found, or raises an error that says what to do.  Each imports
what it needs: this must run where anything but NumPy does not.
"""

import os
import platform
import subprocess
import sys
from functools import partial

from .. import __version__, places
from .main import describe

try:
    from importlib import metadata
except ImportError:  # Python 3.7
    import importlib_metadata as metadata

# what the suite imports, and the first major version that does not go with MegEngine
PACKAGES = (
    "megengine numpy<2 setuptools<81 opencv-python<5 onednn-cpu-gomp scipy pandas threadpoolctl "
    "joblib filelock safetensors matplotlib pillow scikit-image scikit-learn tifffile rawpy "
    "pyexiv2 tqdm ipywidgets nbconvert jinja2"
).split()
SETTINGS = ["RAWKIT_" + name for name in "DATA OUTPUTS RUN PHOTO CONV BROWSER CAMPAIGN".split()]
START = "from rawkit.nn import describe_setup; print(describe_setup())"


def check_python():
    """Python and the machine."""
    found = f"{platform.python_version()} ({sys.executable})"
    machine = f"{platform.system()} on {platform.machine()}"
    if not (3, 7) <= sys.version_info[:2] <= (3, 10) or machine != "Linux on x86_64":
        expected = "expected 3.7 to 3.10, Linux on x86_64, as MegEngine needs"
        raise ValueError(f"{found}, {machine}: {expected}: python3 run.py gets the right Python")
    return f"{found}, {machine}"


def check_package(wanted):
    """The version of one package."""
    name, _, limit = wanted.partition("<")
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        raise ImportError(f'not installed: pip install "{wanted}"') from None
    if limit and int(version.split(".")[0]) >= int(limit):
        raise ImportError(f'{version} does not go with MegEngine: pip install "{wanted}"')
    return version


def check_networks():
    """Whether MegEngine starts, on what device, and whether oneDNN loads."""
    # in a process of its own: a library may end the process, not only raise
    command, folder = [sys.executable, "-c", START], str(places.ROOT)
    # a machine busy with other things may take minutes
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    if ended.returncode:
        said = ended.stderr.strip().splitlines() or [f"ended by signal {-ended.returncode}"]
        raise ImportError(said[-1])
    device = ended.stdout.strip().splitlines()[-1]
    if device.startswith("device: CPU, convolutions: native"):
        chosen = os.environ.get("RAWKIT_CONV") == "native"
        advice = ": many times slower: unset RAWKIT_CONV" if chosen else ""  # else it is said there
        raise ImportError(device + advice)
    return device


def check_dataset():
    """Which data the notebooks use, why, and whether its files are whole."""
    from ..binio import open_dataset

    folder, reason = places.find_dataset()
    counts = {name: len(patches) for name, patches in open_dataset(folder).items()}
    held = [f"{n} {name.split('_', 1)[1].split('.')[0]}" for name, n in counts.items()]  # train_gt
    return f"{places.show_path(folder)} ({reason}): {', '.join(held)}"


def check_outputs():
    """Where results go, and whether they can."""
    folder = places.outputs_folder()
    places.check_folder(folder)
    return places.show_path(folder)


def check_photo():
    """Whether notebook 06 can read the photograph that it is to use."""
    photo = os.environ.get("RAWKIT_PHOTO")
    if not photo:
        return "the sample (RAWKIT_PHOTO is not set)"
    from ..photo import read_photo

    read_photo(places.ROOT / os.path.expanduser(photo))
    return photo


def check_settings():
    """The suite's own variables."""
    names = sorted(name for name in os.environ if name.startswith("RAWKIT_"))
    for name in names:
        if name not in SETTINGS:
            raise ValueError(f"{name}: not known, expected one of {', '.join(SETTINGS)}")
    places.is_full_run()
    return ", ".join(f"{name}={os.environ[name]}" for name in names) or "none is set"


CHECKS = {"Python": check_python}
CHECKS.update((name.split("<")[0], partial(check_package, name)) for name in PACKAGES)
CHECKS.update(networks=check_networks, dataset=check_dataset, outputs=check_outputs)
CHECKS.update(photograph=check_photo, settings=check_settings)


def report():
    """Print a line for each check.

    Returns
    -------
    int
        How many need something done.
    """
    print(f"rawkit {__version__}, {places.ROOT}")
    faults = 0
    for name, check in CHECKS.items():
        try:
            kind, text = "ok", check()
        except Exception as error:  # whatever is broken here, the other checks go on
            kind, text, faults = "FIX", describe(error), faults + 1
        print(f"{kind:4} {name:16} {text}", flush=True)
    if not faults:
        print("all is well")
    return faults
