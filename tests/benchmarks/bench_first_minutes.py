"""Record data/first_minutes.csv: run notebook 03 with the baseline, and keep its curves.

Takes a quarter of an hour of one core.  One thread, so that CPU seconds compare:

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_first_minutes.py
"""

import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

KEEP = """
kept = recorded[recorded.network == "Baseline"]
kept = pandas.concat([kept, today.assign(network="BlindUNet")])
kept["step"] = kept.groupby(["network", "steps"]).cumcount().add(1) * kept.steps // 5
kept = kept[["network", "steps", "step", "cpu_seconds", "score"]]
kept.round({"cpu_seconds": 1, "score": 3}).to_csv(%r, index=False)
"""


def main():
    import nbformat

    from rawkit.cli.pages import NOTEBOOKS, execute

    notebook = nbformat.read(str(NOTEBOOKS / "03_network_for_unknown_sensors.ipynb"), as_version=4)
    at = next(i for i, cell in enumerate(notebook.cells) if "recorded.groupby(" in cell.source)
    out = str(ROOT / "data" / "first_minutes.csv")
    notebook.cells[at + 1 :] = [nbformat.v4.new_code_cell(KEEP % out)]
    with tempfile.TemporaryDirectory() as folder:  # an earlier run's checkpoint would be used
        os.environ["RAWKIT_OUTPUTS"] = folder
        sys.exit(execute(notebook, "03", "BASELINE_STEPS = (240, 3600)"))


if __name__ == "__main__":
    main()
