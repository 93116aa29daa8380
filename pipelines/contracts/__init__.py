"""What `schemas/` declares: loaded, checked, and turned into DDL, expectations and dictionary."""
