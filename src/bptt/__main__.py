"""The command line: `bptt`, or `python -m bptt` where that is not on the path."""

from bptt import stops


def main() -> None:
    """Run the command line. Until it is imported, Ctrl-C ends the program without a traceback."""
    stops.end_at_once()
    from bptt import cli

    cli.main()


if __name__ == "__main__":
    main()
