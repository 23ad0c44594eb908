"""The commands of `convff`, one per file. A new command is a file and a row of the table.

A file has `Options`, a dataclass whose fields are the options and whose docstring is the help, and `main(options)`,
which returns the exit status. A command that reads its options in another way has a `parse(arguments, prog)`. Torch is
imported only where it is used, so that `--help` is quick.
"""

COMMANDS: dict[str, str] = {
    "train": "train and judge a network on a known data set, or on images of your own",
    "sweep": "search any settings on validation images",
    "demo": "show a trained network at work, on one page",
    "predict": "name the classes of images by a trained network",
    "explain": "draw what speaks for a class in an image, and what against it",
    "report": "write the report of a run: one HTML file that needs no data set",
    "compare": "show runs side by side, and which differences exceed the noise",
    "export": "write a trained network as ONNX or for torch.export",
    "push": "put the network of a run on the Hugging Face Hub",
    "labels": "make, choose, look at and judge a label set",
    "completion": "print a script that completes commands and options in the shell",
    "doctor": "say what this machine and this installation have, and what is wrong",
}
"""Name of the file to what the command does."""
