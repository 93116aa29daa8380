"""A clinic's words, units and clocks turned into the study's; what cannot be turned is named, never guessed."""
