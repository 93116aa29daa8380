"""How large a form may be before it is taken for an accident or an attack."""

MAX_COLUMNS = 2_000
MAX_HEAD_LINES = 200  # the header stands within these
MAX_RECORD_BYTES = 1 << 20
MAX_CELL_LINES = 100  # a quoted cell over more lines than this is an unbalanced quote
MAX_SHEET_CELLS = (
    20_000_000  # cells of the used rectangle, filled or not: they are laid out in memory
)
MAX_INFLATED_BYTES = 1 << 30
MAX_INFLATION = 200  # times; the most repetitive real workbooks reach about 50
SMALL_INFLATED_BYTES = 10 << 20  # below this no ratio is dangerous
MAX_MEMBERS = 10_000
