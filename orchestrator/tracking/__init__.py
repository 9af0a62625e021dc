"""What is logged, and where."""
