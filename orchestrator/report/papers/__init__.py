"""The source papers' own tables, filled: what the paper prints, what the sweep found, and whether the two agree."""
