"""Tables for spreadsheets: whatever a text begins with, it is text there."""

from io import BytesIO

import openpyxl
import pytest

from server.api.spreadsheet import Sheet, csv_line, workbook_answer

EVIL = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1")


@pytest.mark.parametrize("text", EVIL)
def test_no_cell_is_a_formula(text: str) -> None:
    assert csv_line([text]).lstrip('"').startswith("'")
    answer = workbook_answer("x", [Sheet("s", ["head"], [[text]])])
    cell = openpyxl.load_workbook(BytesIO(bytes(answer.body)))["s"]["A2"]
    assert cell.data_type == "s"


def test_numbers_stay_numbers_and_nothing_stays_nothing() -> None:
    assert csv_line([-1.5, None, 0, "a,b"]).strip() == '-1.5,,0,"a,b"'
    answer = workbook_answer("x", [Sheet("s", ["n", "m"], [[-1.5, None], [0, "bell\x07"]])])
    sheet = openpyxl.load_workbook(BytesIO(bytes(answer.body)))["s"]
    assert [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2)] == [
        [-1.5, None],
        [0, "bell "],
    ]
    assert sheet.freeze_panes == "A2"
