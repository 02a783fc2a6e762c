"""The commands of `python -m rawkit`: `main` runs them, the other files are what they do.

An option is declared in `arguments`, passed on by `commands`, and carried out in the command's own
file: `denoise`, `doctor`, `submission` (the check of an answer, and its writing), `pages` (the
notebooks, run and exported), `index` (the report's first page), `translation` (other languages).
Nothing is imported here: each command imports what it needs.
"""
