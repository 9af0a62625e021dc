"""What one worker computes: plain PyTorch, with no scheduler and no tracking server."""
