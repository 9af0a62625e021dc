"""Where trials and tasks run."""
