"""What runs where, what is stored, what is logged. From Python: `orchestrator.api`."""
