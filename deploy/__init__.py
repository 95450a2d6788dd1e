"""What starts Portico: the one-command stack, its sandbox and its demo."""
