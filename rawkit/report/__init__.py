"""Run the notebooks without a browser and keep what they show as pages."""

from .execution import execute, run_notebooks
from .index import write_index
