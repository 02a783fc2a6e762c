"""The commands of `python -m rawkit`: `main` runs them, the other files are what they do.

An option is declared in `arguments`, passed on by `commands`, and carried out in the command's own
file.  Nothing is imported here: each command imports what it needs.
"""
