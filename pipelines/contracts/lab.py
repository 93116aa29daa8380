"""What a clinic declares of its gait lab's files: which column is which knee, its unit, its sign, where stance is."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

MomentUnitCode = Literal["nm", "nm_per_kg", "nm_per_kg_m", "pct_bw_ht"]
_NEEDS = {"file": ("trial", "side"), "events": ("trial",), "percent": ()}


class KneeLab(BaseModel):
    """Adduction moments of both knees in one file of a gait lab.

    `stance` says where a stance is: the whole `file` is one, of the leg in its name; between the `events`
    of foot contact and lift-off; or each recording side by side is one in `percent` of stance, without seconds.
    The day of the visit is the group `assessed` (YYYYMMDD) of the file's name; `sent` is the day of the export.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    maker: Literal["opensim", "visual3d", "c3d"]
    left: str = Field(min_length=1)  # name of the left knee's column, signal or point
    right: str = Field(min_length=1)
    component: str = ""  # of a signal or point that has several
    unit: MomentUnitCode
    divided_by: float = Field(1.0, gt=0)  # 1000 where a lab writes Nmm per kg
    positive: Literal["external_adduction", "internal_abduction", "internal_adduction"]
    mirrored: tuple[Literal["left", "right"], ...] = ()  # sides whose sign is the other way round
    stance: Literal["file", "events", "percent"]

    @model_validator(mode="after")
    def _consistent(self) -> KneeLab:
        if self.left == self.right:
            raise ValueError("one column is declared as both knees")
        return self

    @property
    def sign(self) -> int:
        """By which the file's numbers become the external adduction moment."""
        return -1 if self.positive == "internal_adduction" else 1


def lab_fault(kind: Any, lab: KneeLab | None) -> str | None:
    """What does not fit together in a file kind that declares a gait lab's file."""
    if lab is None:
        return None
    if kind.format != "device" or kind.devices or kind.imu or kind.placement:
        return "`lab` goes with `format: device` and stands alone"
    for group in ("participant", "assessed", "sent", *_NEEDS[lab.stance]):
        if f"(?P<{group}>" not in kind.name:
            return f"`name` needs a group `{group}` for files with `stance: {lab.stance}`"
    return None
