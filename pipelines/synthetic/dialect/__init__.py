"""Made-up records in a clinic's own dialect: its contract read backward, for any clinic."""

from pipelines.synthetic.dialect.lines import Sheet, render
from pipelines.synthetic.dialect.names import file_name
from pipelines.synthetic.dialect.written import Written, write

__all__ = ["Sheet", "Written", "file_name", "render", "write"]
