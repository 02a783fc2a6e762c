"""How many threads to use, and keeping idle ones from eating the processor."""

import contextlib
import ctypes
import os


def usable_cores():
    """Cores that this process may use: affinity, the container's quota, OMP_NUM_THREADS.

    Returns
    -------
    int, at least 1
    """
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        cores = os.cpu_count() or 1
    cores = min(cores, max(1, int(_quota())))
    wish = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    return min(cores, int(wish)) if wish.isdigit() and int(wish) else cores


def _quota():
    """Cores' worth of time that the control group grants; many if it sets no limit."""
    for name in ("/sys/fs/cgroup/cpu.max", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us"):
        try:
            with open(name) as file:
                words = file.read().split()
            if name.endswith("_us"):
                with open("/sys/fs/cgroup/cpu/cpu.cfs_period_us") as file:
                    words += file.read().split()
            if float(words[0]) > 0:
                return float(words[0]) / float(words[1])
        except (OSError, ValueError, IndexError):  # no such group, or "max"
            continue
    return 1e6


@contextlib.contextmanager
def quiet_openmp():
    """Load an OpenMP library such that its idle threads soon sleep.

    By default they spin for milliseconds after each parallel loop, which takes
    the core from whoever else wants it.  A short spin is kept: the next layer
    follows within microseconds.
    """
    mine = {"GOMP_SPINCOUNT": "20000"}
    mine = {k: v for k, v in mine.items() if k not in os.environ}
    if "OMP_WAIT_POLICY" in os.environ:
        mine = {}
    os.environ.update(mine)
    try:
        yield
    finally:
        for name in mine:
            del os.environ[name]


_gomp = None


def use_threads(count):
    """Tell OpenMP, for the calling thread, how many threads to use."""
    global _gomp
    if _gomp is None:
        _gomp = ctypes.CDLL("libgomp.so.1")
    _gomp.omp_set_num_threads(count)


def tame_polling():
    """Give MegEngine's polling thread the lowest priority.

    After the first operator MegEngine keeps a thread, "CompNodeSync", that
    looks for work every few microseconds for as long as the process lives and
    takes a quarter of a core from the convolutions.  Lowest priority leaves it
    only what nobody else wants.  Does nothing where there is no such thread.
    """
    try:
        for thread in os.listdir("/proc/self/task"):
            with open("/proc/self/task/%s/comm" % thread) as file:
                if file.read().startswith("CompNodeSync"):
                    os.setpriority(os.PRIO_PROCESS, int(thread), 19)
    except (OSError, AttributeError):  # not Linux, or the thread has just ended
        pass
