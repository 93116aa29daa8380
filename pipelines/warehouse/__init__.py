"""Every accepted row up to a cut-off -> two DuckDB files, written aside and swapped in whole."""
