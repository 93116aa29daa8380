"""Statistics on outcome rows: summaries and arm differences."""
