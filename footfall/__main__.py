"""The console script `footfall`, and `python -m footfall`."""

import sys

_NOT_INSTALLED = 1
# What the command line itself needs. A service is installed without it.
_LIBRARIES = ("typer", "rich", "httpx", "aiokafka", "psycopg")


def main() -> None:
    """Run the command line; where it is not installed, say how to install it."""
    try:
        from footfall.cli import main as run
    except ModuleNotFoundError as error:
        if error.name not in _LIBRARIES:
            raise
        sys.stderr.write(f"The command line needs {error.name}. Install it with: pip install 'footfall[local]'\n")
        sys.exit(_NOT_INSTALLED)
    run()


if __name__ == "__main__":
    main()
