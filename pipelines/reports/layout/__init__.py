"""How reports and letters look: blocks, pages, tables, figures, numbers. Knows no measure."""
