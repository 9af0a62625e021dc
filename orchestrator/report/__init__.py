"""What a sweep has found, for people: one HTML file, tables for the terminal, for notebooks and for scripts."""
