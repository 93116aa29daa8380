"""A made-up trial with planted effects and planted faults, told as clinics would send it."""
