"""A handful of planted faults that travel through every night, to see whether each is caught."""
