"""The command line, where `bptt` itself is not on the path: `python -m bptt`."""

from bptt.cli import main

if __name__ == "__main__":
    main()
