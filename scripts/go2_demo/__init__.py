"""What scripts/demo runs once everything is built."""
