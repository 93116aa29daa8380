"""What each contender of wearables.py runs: imports, not timed, and the work, timed; `n` is how much it gave."""

from __future__ import annotations

from typing import NamedTuple

FILES = {
    "cwa-packed": "packed.cwa", "cwa-unpacked": "unpacked.cwa", "gt3x-int16": "int16.gt3x",
    "gt3x-packed": "packed.gt3x", "gt3x-v1": "v1.gt3x", "geneactiv": "geneactiv.bin",
    "actigraph-csv": "actigraph.csv", "axivity-csv": "axivity.csv",
    "table-parquet": "table.parquet", "table-csv": "table.csv",
}  # fmt: skip


class Contender(NamedTuple):
    """Two pieces of code; a peer runs in the environment of the peers, and the bounds count it."""

    imports: str
    work: str
    is_peer: bool = True


_OURS = """
from pathlib import Path
from pipelines import devices
from pipelines.contracts.imu import ImuTable
from pipelines.devices import imu_table
devices.formats()
declared = ImuTable.model_validate({
    "maker": "Benchmark", "rate_hz": 100, "range_g": 8, "clock": "local",
    "time": {"column": "time_us", "unit": "us", "since": "epoch"},
    "acc": {"columns": ["acc_x", "acc_y", "acc_z"], "unit": "g"},
})
def opened(path):
    path = Path(path)
    known = devices.recognise(path)
    return imu_table.read_declared(path, declared) if known is None else known.read(path)
"""
OURS_DECODE = Contender(
    _OURS, "n = sum(len(chunk.times_us()) for chunk in opened(path).chunks())", is_peer=False
)
OURS_OUTCOMES = Contender(
    _OURS
    + """
import datetime, tempfile
from pipelines.contracts.load import load_contract
from pipelines.contracts.shapes import Delivery
from pipelines.standardise import recordings
contract = load_contract(Path("schemas"))
delivery = Delivery(
    delivery_id="0" * 16, clinic_id=min(contract.clinics), file_name="day", file_kind="wear", sha256="",
    n_bytes=1, received_utc=datetime.datetime(2026, 1, 1), sent_date=None, revision=0, scope_key="",
    raw_path=Path("day"), participant_id="BS-0000",
)
signals = tempfile.TemporaryDirectory()
""",
    """
tables = recordings.records_of(contract, delivery, opened(path), "lower_back", Path(signals.name))
n = sum(t.records["steps_n"].sum() for t in tables if t.table == "wear_bout")
""",
    is_peer=False,
)

_ACTIPY = Contender(
    "import actipy",
    """
frame, info = actipy.read_device(
    path, lowpass_hz=None, calibrate_gravity=False, detect_nonwear=False, resample_hz=None, verbose=False
)
n = len(frame)
""",
)
_PYGT3X = Contender(
    "from pygt3x.reader import FileReader",
    """
with FileReader(path) as reader:
    n = len(reader.to_pandas())
""",
)
_CWA = {
    "skdh ReadCwa": Contender(
        "from skdh.io import ReadCwa", "n = len(ReadCwa().predict(file=path)['time'])"
    ),
    "cwa-reader-rs": Contender(
        "import cwa_reader_rs", "n = len(cwa_reader_rs.read_cwa_file(path))"
    ),
    "actipy, no processing (Java)": _ACTIPY,
}
_GT3X = {"pygt3x": _PYGT3X, "actipy, no processing (Java)": _ACTIPY}
# Tables of samples have no reader of their own: the two libraries a user would take, no bound.
DECODE = {
    "cwa-packed": _CWA,
    "cwa-unpacked": _CWA,
    "gt3x-int16": _GT3X,
    "gt3x-packed": _GT3X,
    "gt3x-v1": _GT3X,
    "geneactiv": {
        "skdh ReadBin": Contender(
            "from skdh.io import ReadBin", "n = len(ReadBin().predict(file=path)['time'])"
        ),
        "actipy, no processing (Java)": _ACTIPY,
    },
    "actigraph-csv": {
        "(pandas.read_csv, no times)": Contender(
            "import pandas", "n = len(pandas.read_csv(path, skiprows=10))", is_peer=False
        ),
    },
    "axivity-csv": {
        "(pandas.read_csv, times as text)": Contender(
            "import pandas", "n = len(pandas.read_csv(path, header=None))", is_peer=False
        ),
    },
    "table-parquet": {
        "(polars.read_parquet, no checks)": Contender(
            "import polars", "n = len(polars.read_parquet(path))", is_peer=False
        ),
    },
    "table-csv": {
        "(pandas.read_csv, no checks)": Contender(
            "import pandas", "n = len(pandas.read_csv(path))", is_peer=False
        ),
        "(polars.read_csv, no checks)": Contender(
            "import polars", "n = len(polars.read_csv(path))", is_peer=False
        ),
    },
}

# The upright axis of the samples is z, the forward one y; mobgap has x upright, y sideways. Speed needs the height.
GAIT = {
    "mobgap, MobilisedPipelineHealthy": Contender(
        """
import numpy, pandas
from mobgap.data import GaitDatasetFromData
from mobgap.pipeline import MobilisedPipelineHealthy
""",
        """
day = numpy.load(path)
table = numpy.column_stack((day["acc_g"][:, [2, 0, 1]] * 9.80665, day["gyro_dps"][:, [2, 0, 1]]))
names = ["acc_x", "acc_y", "acc_z", "gyr_x", "gyr_y", "gyr_z"]
frame = pandas.DataFrame(table.astype(float), columns=names).rename_axis("samples")
person = {"height_m": 1.70, "sensor_height_m": 1.02, "cohort": "HA"}
data = GaitDatasetFromData(
    {("day",): {"LowerBack": frame}}, 100.0, {("day",): person},
    {("day",): {"measurement_condition": "free_living"}}, index_cols=["recording"],
)
told = MobilisedPipelineHealthy().safe_run(data[0])
n = told.per_wb_parameters_["n_raw_initial_contacts"].sum()
""",
    ),
    "skdh, walking bouts (LightGBM) and GaitLumbar": Contender(
        """
import numpy
from skdh.context import PredictGaitLumbarLgbm
from skdh.gait import GaitLumbar
""",
        """
acc = numpy.load(path)["acc_g"].astype(float)
time = 1762128000.0 + numpy.arange(len(acc)) / 100.0
found = PredictGaitLumbarLgbm().predict(time=time, accel=acc, fs=100.0)
bouts = numpy.column_stack((found["Gait Bout Start Index"], found["Gait Bout Stop Index"]))
told = GaitLumbar().predict(time=time, accel=acc, fs=100.0, height=1.70, gait_bouts=bouts)
n = len(told["IC Timestamp"])
""",
    ),
}
