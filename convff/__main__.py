"""`python -m convff COMMAND ...`, the same as `convff COMMAND ...`."""

import sys

from convff.names import ForeignNameError, require_ours


def main() -> int:
    """Run the command line, once `experiments`, which has it, is known to be ours."""
    try:
        require_ours("experiments")
    except ForeignNameError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    from experiments.commands.entry import main as run  # noqa: PLC0415

    return run()


if __name__ == "__main__":
    raise SystemExit(main())
