"""The command line: python -m rawkit COMMAND."""

from .cli.main import run

if __name__ == "__main__":
    run()
