"""The machine: processes, precision, memory."""
