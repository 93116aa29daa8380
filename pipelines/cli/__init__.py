"""The verbs of the `backstep` command, by what they do."""
