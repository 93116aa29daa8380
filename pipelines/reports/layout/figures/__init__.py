"""The figures of the reports: frames in, `Figure` out. No participant id enters a drawing."""

from pipelines.reports.layout.figures.adherence import week_adherence
from pipelines.reports.layout.figures.arrivals import arrival_calendar
from pipelines.reports.layout.figures.change import change_dots
from pipelines.reports.layout.figures.first_fall import first_fall_curves
from pipelines.reports.layout.figures.forest import Overall, forest
from pipelines.reports.layout.figures.missingness import missingness
from pipelines.reports.layout.figures.received import stacked_counts
from pipelines.reports.layout.figures.swimmer import swimmer
from pipelines.reports.layout.figures.trajectories import trajectories

__all__ = [
    "Overall",
    "arrival_calendar",
    "change_dots",
    "first_fall_curves",
    "forest",
    "missingness",
    "stacked_counts",
    "swimmer",
    "trajectories",
    "week_adherence",
]
