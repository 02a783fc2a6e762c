"""How many threads to use, and how to keep idle ones from taking the processor."""

import os

from .device import NO_GPU, without_lines


def usable_cores():
    """Cores that this process may use: affinity, the container's quota, OMP_NUM_THREADS.

    Returns
    -------
    int, at least 1
    """
    import joblib  # here, as it takes a tenth of a second

    with without_lines(NO_GPU):  # on Python 3.7 it forks
        cores = joblib.cpu_count()
    wish = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    return min(cores, int(wish)) if wish.isdigit() and int(wish) else cores


def openmp():
    """OpenMP's threads as oneDNN uses them, once it is loaded.

    Returns
    -------
    threadpoolctl.ThreadpoolController
        `with openmp().limit(limits=2):` takes a hundredth of a millisecond and
        puts the former number back.  Making it takes ten: make it once.
    """
    from threadpoolctl import ThreadpoolController

    with without_lines(NO_GPU):  # on Python 3.7 it forks
        return ThreadpoolController().select(prefix="libgomp")


def tame_polling():
    """Give MegEngine's polling thread the lowest priority.

    After the first operator MegEngine keeps a thread, "CompNodeSync", that
    looks for work every few microseconds for as long as the process lives and
    takes a quarter of a core from the convolutions.  Lowest priority leaves it
    only what nobody else wants.  Does nothing where there is no such thread.
    """
    try:
        for thread in os.listdir("/proc/self/task"):
            with open(f"/proc/self/task/{thread}/comm") as file:
                if file.read().startswith("CompNodeSync"):
                    os.setpriority(os.PRIO_PROCESS, int(thread), 19)
    except (OSError, AttributeError):  # not Linux, or the thread has just ended
        pass
