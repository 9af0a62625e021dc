"""Saliency maps and their scores."""
