"""The commands of `python -m rawkit`: `main` runs them, the other files are what they do.

Nothing is imported here: each command imports what it needs.
"""
