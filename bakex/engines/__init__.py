"""What turns a cell into a result."""
