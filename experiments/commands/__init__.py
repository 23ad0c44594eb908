"""The commands of `convff`, one per file. A new command is a file and a row of the table.

A file has `Options`, a dataclass whose fields are the options and whose docstring is the help, and `main(options)`,
which returns the exit status. It imports torch only where it is used, so that `--help` is quick.
"""

COMMANDS: dict[str, str] = {
    "predict": "name the classes of images by a trained network",
    "explain": "draw what speaks for a class in an image, and what against it",
    "export": "write a trained network as ONNX or for torch.export",
    "labels": "make, choose, look at and judge a label set",
    "doctor": "say what this machine and this installation have, and what is wrong",
}
"""Name of the file to what the command does."""
