"""`portico`, the operator's command. A group of commands a file; __main__ lists the groups."""
