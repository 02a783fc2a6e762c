"""What is installed, found and usable here, and what to do about what is not.

Each check stands for itself and takes no other part of the suite for granted: this
must run where MegEngine, or anything else but NumPy, does not.
"""

import locale
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from .. import __version__, places

try:
    from importlib import metadata
except ImportError:  # Python 3.7
    import importlib_metadata as metadata

# distribution, first version that does not work, why; in the order shown
PACKAGES = (
    ("megengine", None, "the networks"),
    ("numpy", 2, "MegEngine breaks with 2"),
    ("setuptools", 81, "MegEngine imports pkg_resources, which later ones lack"),
    ("opencv-python", 5, "MegEngine breaks with 5"),
    ("onednn-cpu-gomp", None, "fast convolutions on a CPU"),
    ("scipy", None, "noise and synthetic data"),
    ("pandas", None, "tables of runs"),
    ("threadpoolctl", None, "threads"),
    ("joblib", None, "cores"),
    ("filelock", None, "one run at a time"),
    ("matplotlib", None, "figures"),
    ("pillow", None, "pictures"),
    ("scikit-image", None, "synthetic data"),
    ("scikit-learn", None, "synthetic data"),
    ("tifffile", None, "DNG files"),
    ("tqdm", None, "progress"),
    ("ipywidgets", None, "the explorer"),
    ("jupyterlab", None, "the notebooks"),
    ("nbconvert", None, "the report"),
    ("rawpy", None, "optional: raw files of other kinds than plain DNG"),
)
CONVOLUTIONS = ("auto", "onednn", "native")  # as `rawkit.conv` knows them
SETTINGS = ["RAWKIT_" + name for name in "DATA OUTPUTS RUN PHOTO CONV BROWSER CAMPAIGN".split()]
VARIABLES = ("PYTHONPATH", "PYTHONHOME", "JUPYTER_PATH")  # of other programs; change what runs
MEMORY = 1.0  # GiB; the quick run of 02 took 0.42, the rest is for Jupyter and a browser
DISK = 1.0  # GiB; a quick run writes a few MB, a full one checkpoints and a result of 128 MB
SLOWEST_START = 300  # s, for MegEngine on a machine busy with other things


def check_python():
    """The Python, and whether MegEngine has packages for it."""
    found = "%s, %s" % (platform.python_version(), sys.executable)
    wanted = (3, 7) <= sys.version_info[:2] <= (3, 10)
    return found, None if wanted else "MegEngine has packages up to 3.10: python3 run.py gets one"


def check_system():
    """The machine's kind."""
    found = "%s on %s" % (platform.system(), platform.machine())
    wanted = found == "Linux on x86_64"
    return found, None if wanted else "MegEngine is built for Linux on x86_64 (Windows: use WSL)"


def check_package(name, limit, why):
    """One package's version."""
    install = 'pip install "%s<%d"' % (name, limit) if limit else "pip install " + name
    version = _version(name)
    if version is None and name == "jupyterlab" and _version("notebook"):
        return "not installed; notebook %s" % _version("notebook"), None
    if version is None:
        return "not installed (%s)" % why, None if name == "rawpy" else install
    major = version.split(".")[0]
    if limit and major.isdigit() and int(major) >= limit:
        return "%s (%s)" % (version, why), install
    if name == "ipywidgets" and version.startswith("7.8"):
        return "%s, whose outputs fail in Notebook 6" % version, 'pip install "ipywidgets<7.8"'
    return version, None


def _version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def check_networks():
    """Whether MegEngine starts, on what device, with which convolutions."""
    program = "from rawkit.nn import describe_setup; print(describe_setup())"
    # in a process of its own: a library may end the process, not only raise
    command = [sys.executable, "-c", program]
    try:
        ended = subprocess.run(
            command,
            cwd=str(places.ROOT),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=SLOWEST_START,
        )
    except subprocess.TimeoutExpired:
        return "no answer after %d s" % SLOWEST_START, "close other programs, then try again"
    if ended.returncode:
        said = ended.stderr.decode(errors="replace").strip().splitlines()
        reason = said[-1] if said else "ended by signal %d" % -ended.returncode
        return reason[:200], "see the other lines, or this one"
    device = ended.stdout.decode().strip().splitlines()[-1]
    slow = "CPU" in device and "onednn" not in device
    advice = "training is many times slower so: "
    told = os.environ.get("RAWKIT_CONV") == "native"
    advice += "unset RAWKIT_CONV" if told else "pip install onednn-cpu-gomp==2023.2.0"
    return device, advice if slow else None


def check_cores():
    """Cores that this process may use, and what limits the threads."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found, wish = "%d" % cores, os.environ.get("OMP_NUM_THREADS")
    return found + (", OMP_NUM_THREADS=%s" % wish if wish else ""), None


def check_memory():
    """Memory that is free."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return "unknown", None
    sizes = dict(line.split(":") for line in lines)
    free = int(sizes["MemAvailable"].split()[0]) / 2**20
    return "%.1f GiB free" % free, None if free >= MEMORY else "close other programs"


def check_dataset():
    """Which data the notebooks will use, why, and whether its files are whole."""
    from ..binio import open_pairs, open_patches

    try:
        folder, reason = places.find_dataset()
        names = [name for name in places.NAMES if (folder / name).is_file()]
        sizes = [len(open_patches(folder / name)) for name in names]
        for noisy, gt in places.GT_OF.items():
            if noisy in names and gt in names:
                open_pairs(folder, noisy)
    except (OSError, ValueError) as error:
        return str(error), "set RAWKIT_DATA, or see data/README.md"
    kinds = [name.split("_", 1)[1].split(".")[0] for name in names]  # "train_gt", ...
    held = ", ".join("%d %s" % item for item in zip(sizes, kinds))
    return "%s (%s): %s" % (places.show_path(folder), reason, held), None


def outputs_can_be_written():
    """Whether the outputs folder is or can be made, and files in it.

    Returns
    -------
    bool
    """
    return _writable(_standing(places.outputs_folder()))


def check_outputs():
    """Where results go, and whether they can."""
    folder = places.outputs_folder()
    there, found = _standing(folder), places.show_path(folder)
    if not outputs_can_be_written():
        return found + ", cannot be written", "set RAWKIT_OUTPUTS to a folder of yours"
    free = shutil.disk_usage(str(there)).free / 2**30
    return "%s, %.1f GiB free" % (found, free), None if free >= DISK else "make room"


def check_home():
    """Whether programs may keep settings."""
    home = os.path.expanduser("~")
    advice = "run.py sets one; without it: export HOME=/tmp/home, after mkdir /tmp/home"
    return home, None if _writable(home) else advice


def check_settings():
    """The suite's own variables."""
    names = sorted(name for name in os.environ if name.startswith("RAWKIT_"))
    found = _values(names) or "no variable RAWKIT_... is set"
    unknown = [name for name in names if name not in SETTINGS]
    if unknown:
        return found, "%s: not known, expected one of %s" % (unknown[0], ", ".join(SETTINGS))
    wish = os.environ.get("RAWKIT_CONV") or "auto"
    if wish not in CONVOLUTIONS:
        expected = ", ".join(CONVOLUTIONS)
        return found, "RAWKIT_CONV: found %r, expected one of %s" % (wish, expected)
    try:
        places.is_full_run()
    except ValueError as error:
        return found, str(error)
    return found, None


def check_photo():
    """Whether notebook 06 can read the photograph that it is told of."""
    photo = os.environ.get("RAWKIT_PHOTO")
    if not photo:
        return "the sample (RAWKIT_PHOTO is not set)", None
    try:
        from ..photo import read_photo

        read_photo(places.ROOT / Path(photo).expanduser())
    except (ImportError, OSError, ValueError) as error:
        return photo, str(error)
    return photo, None


def check_variables():
    """Variables of other programs that change what runs here."""
    found = _values(VARIABLES)
    if found:
        return found, "unset them, or use run.py, which does"
    return "none of %s is set" % ", ".join(VARIABLES), None


def check_backend():
    """How matplotlib draws; `view.use_style` puts others aside in a notebook."""
    return _values(["MPLBACKEND"]) or "shown in notebooks (MPLBACKEND is not set)", None


def check_jupyter():
    """The Jupyter that a shell would start."""
    found = shutil.which("jupyter-lab")
    mine = [os.path.join(prefix, "bin") for prefix in (sys.prefix, sys.exec_prefix)]
    if found and os.path.dirname(found) not in mine:
        advice = "it is another Python's; start %s -m jupyterlab" % sys.executable
        return found, advice
    return found or "not on the PATH; python3 run.py lab starts it", None


def check_text():
    """Whether the letters of the suite's messages can be written."""
    encoding = locale.getpreferredencoding(False)
    try:
        "\u221a\u00b2\u00b1".encode(encoding)
    except (UnicodeError, LookupError):
        return encoding, "export PYTHONUTF8=1"
    return encoding, None


def diagnose():
    """Make all checks.

    Yields
    ------
    tuple (name : str, found : str, advice : str or None)
        Advice is None where all is well.
    """
    yield "rawkit", "%s, %s" % (__version__, places.ROOT), None
    yield ("Python",) + check_python()
    yield ("system",) + check_system()
    for package in PACKAGES:
        yield (package[0],) + check_package(*package)
    yield ("networks",) + check_networks()
    yield ("cores",) + check_cores()
    yield ("memory",) + check_memory()
    yield ("dataset",) + check_dataset()
    yield ("outputs",) + check_outputs()
    yield ("home",) + check_home()
    yield ("settings",) + check_settings()
    yield ("photograph",) + check_photo()
    yield ("environment",) + check_variables()
    yield ("figures",) + check_backend()
    yield ("Jupyter",) + check_jupyter()
    yield ("text",) + check_text()


def report():
    """Print a line for each check, and one if all is well; return how many need something done."""
    faults, packages = 0, []
    for name, found, advice in diagnose():
        faults += advice is not None
        packages += re.findall("^pip install (.+)", advice or "")
        line = "%-4s %-16s %s" % ("FIX" if advice else "ok", name, found)
        line += "\n     %-16s -> %s" % ("", advice) if advice else ""
        print(line, flush=True)
    if len(packages) > 1:
        print("all packages at once: pip install " + " ".join(packages))
    if not faults:
        print("all is well")
    return faults


def _values(names):
    return ", ".join("%s=%s" % (name, os.environ[name]) for name in names if name in os.environ)


def _standing(folder):
    """The folder, or the nearest above it that is there."""
    return next(p for p in [folder] + list(folder.parents) if p.exists())


def _writable(folder):
    try:
        tempfile.TemporaryFile(dir=str(folder)).close()
    except OSError:
        return False
    return True
