import polars as pl
import pytest

from pipelines.devices.table_blocks import csv_blocks, csv_head, is_parquet, parquet_blocks
from pipelines.errors import DeliveryRefused

TYPES = {"b": pl.Float64, "a": pl.Int64}


def head_of(path):
    return csv_head(path, ("a", "b"), ",", '"', "utf-8")


def test_the_header_is_the_first_line_with_all_columns(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('Sensor,A1\na,only\n"c","b",a\n1,2,3\n')

    head = head_of(path)

    assert head.names == ("c", "b", "a")
    assert head.above == ("Sensor,A1", "a,only")
    assert head.first_line == 4


def test_blocks_number_their_rows_and_lose_none(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("c,b,a\n" + "".join(f"x,{i / 2},{i}\n" for i in range(40_000)))

    blocks = list(csv_blocks(path, head_of(path), TYPES, 1))  # as small as they get: 64 kB

    assert len(blocks) > 3
    rows = pl.concat(block.frame for block in blocks)
    assert rows["a"].to_list() == list(range(40_000))
    assert rows["b"].to_list() == [i / 2 for i in range(40_000)]
    assert all(block.first_row == 2 + block.frame["a"][0] for block in blocks)


@pytest.mark.parametrize(
    ("end", "n", "is_cut"), [("x,1,1\n", 1, False), ("x,1,1", 0, True), ("x,1,1\n\n \r\n", 1, False),
                             ("x,1,1\nx,2", 1, True), ("", 0, None)],
)  # fmt: skip
def test_a_last_row_that_may_have_lost_digits_is_left_out(tmp_path, end, n, is_cut):
    path = tmp_path / "t.csv"
    path.write_text("c,b,a\n" + end)

    blocks = list(csv_blocks(path, head_of(path), TYPES, 100))

    assert sum(block.frame.height for block in blocks) == n
    assert [block.is_cut for block in blocks] == ([] if is_cut is None else [is_cut])


def test_a_row_with_too_many_cells_has_none_that_count(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("c,b,a\n1,2,3\n1,2,3,4\nx,5,6,\n")

    (block,) = csv_blocks(path, head_of(path), TYPES, 100)

    assert block.frame.rows() == [(2.0, 3), (None, None), (5.0, 6)]


def test_a_parquet_table_comes_in_blocks(tmp_path):
    path = tmp_path / "t.parquet"
    pl.DataFrame({"a": range(10_000), "b": ["1.5"] * 9_999 + ["x"]}).write_parquet(path)

    blocks = list(parquet_blocks(path, TYPES, 4096))

    assert is_parquet(path)
    rows = pl.concat(block.frame for block in blocks)
    assert rows["a"].to_list() == list(range(10_000))
    assert rows["b"].to_list() == [1.5] * 9_999 + [None]
    assert [block.first_row - 1 for block in blocks] == [block.frame["a"][0] for block in blocks]


def test_a_column_that_is_not_there_is_named(tmp_path):
    path = tmp_path / "t.parquet"
    pl.DataFrame({"a": [1]}).write_parquet(path)

    with pytest.raises(DeliveryRefused, match="no column `b`"):
        list(parquet_blocks(path, TYPES, 10))
