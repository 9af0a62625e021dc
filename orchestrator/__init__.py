"""What runs where, what is stored, what is logged."""
