"""A part of a survey: the same numbers as counting the whole by the group and taking one label."""

import numpy as np
import pandas as pd
import pytest

import cxstats as cx
from cxstats.survey import SurveyError

from .conftest import line

WHO = "customer: id\ninvited: sent\nresponded: at\n"
ROWS = (
    "id,sent,at,ltr,land,brand\n"
    "a,2025-01-01,2025-01-02,9,DE,X\n"
    "b,2025-01-01,2025-01-03,3,DE,Y\n"
    "c,2025-01-01,,,DE,X\n"
    "d,2025-01-02,2025-01-01,8,DE,X\n"
    "e,2025-01-01,2025-01-02,10,AT,X\n"
    "f,2025-01-02,2025-01-01,2,CH,Y\n"
    "a,2025-01-03,2025-01-04,7,AT,X\n"
)
GROUPS = (
    "groups:\n  country: {column: land, labels: {DE: Germany, AT: Austria, CH: Austria}}\n  brand: brand\n"
)


@pytest.fixture
def path(folder):
    folder.file("data.csv", ROWS)
    return folder.describe(WHO + GROUPS)


@pytest.fixture(scope="module")
def demo():
    return cx.open_survey("demo")


@pytest.fixture(scope="module")
def brazil():
    return cx.open_survey("demo", where="country = Brazil")


def test_cells_are_those_of_the_label(demo, brazil):
    by = ["segment", "wave", "nps", "churned"]
    whole = demo.cells(["country", *by])
    expected = whole[whole["country"] == "Brazil"].drop(columns="country").reset_index(drop=True)
    pd.testing.assert_frame_equal(brazil.cells(by), expected)


def test_customers_who_come_again_are_those_of_the_part(demo, brazil):
    by = ["wave", "nps"]
    whole = demo.cells(["country", *by])
    kept = (whole["country"] == "Brazil").to_numpy(bool)
    expected = np.asarray(demo.cluster_matrix(["country", *by]))[np.ix_(kept, kept)]
    np.testing.assert_array_equal(brazil.cluster_matrix(by), expected)


def test_rows_and_parts_are_those_of_the_part(demo, brazil):
    columns = ["customer", "nps", "tenure_months", "part"]
    whole = demo.rows(["country", *columns])
    expected = whole[whole["country"] == "Brazil"].drop(columns="country").reset_index(drop=True)
    pd.testing.assert_frame_equal(brazil.rows(columns), expected)


def test_what_is_left_out_is_counted(path):
    survey = cx.open_survey(path, where={"country": "Germany"})
    assert line(survey, "not Germany (country)") == 3
    assert survey.n_rows == survey.n_invited == 4
    # answers before the invitation: two in the file, one of them in Germany
    assert line(survey, "answered before being invited") == 1
    assert survey.counts("nps").tolist() == [0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0]
    assert survey.n_customers() == 4


def test_several_groups_and_several_labels(path):
    survey = cx.open_survey(path, where="country = Germany; brand=X")
    assert survey.n_rows == 3
    assert survey.part == "Country: Germany, Brand: X"
    assert cx.open_survey(path, where={"country": ["Germany", "Austria"], "brand": "Y"}).n_rows == 2


def test_a_label_of_several_codes_takes_them_all(path):
    assert cx.open_survey(path, where={"country": "Austria"}).n_rows == 3


def test_a_group_that_is_the_same_for_all_is_no_group(path):
    assert cx.open_survey(path, where={"country": "Germany"}).groups == ("brand",)
    assert cx.open_survey(path, where={"country": ["Germany", "Austria"]}).groups == ("country", "brand")


def test_the_page_says_which_part(path):
    assert cx.open_survey(path, where={"country": "Germany"}).population == "Country: Germany"
    assert cx.open_survey("demo", where={"country": "Brazil"}).population.endswith("(Country: Brazil)")


def test_fingerprints_tell_parts_apart(path):
    prints = {
        cx.open_survey(path, where=where).fingerprint
        for where in (None, {"country": "Germany"}, {"country": "Austria"})
    }
    assert len(prints) == 3


def test_a_file_that_is_not_copied(tmp_path):
    table = pd.DataFrame({"ltr": [9, 10, 0, 5], "land": ["DE", "AT", "DE", None]})
    table.to_parquet(tmp_path / "data.parquet")
    path = tmp_path / "survey.yml"
    path.write_text(
        "title: T\nresponses: {file: data.parquet}\nscores: {nps: {column: ltr, scale: 0-10}}\ngroups: {land: land}\n"
    )
    survey = cx.open_survey(path, where={"land": "DE"})
    assert survey.counts("nps").sum() == 2
    assert line(survey, "not DE (land)") == 2


def test_customers_never_invited_are_those_of_the_part(folder):
    folder.file("data.csv", "id,at,ltr\na,2025-01-02,9\n")
    folder.file("frame.csv", "id,sent,land\na,2025-01-01,DE\nb,,DE\nc,,AT\nd,2025-01-01,AT\n")
    path = folder.describe(
        "frame: {file: frame.csv, key: id, holds: customers}\n" + WHO + "groups: {land: land}\n"
    )
    survey = cx.open_survey(path, where={"land": "DE"})
    assert survey.n_rows == 1
    assert survey.cells(["invited"])["n"].tolist() == [1, 1]


def test_unknown_labels_and_groups_are_refused_with_what_there_is(path):
    with pytest.raises(SurveyError, match=r'(?s)country has no "Germani".*Did you mean "Germany"'):
        cx.open_survey(path, where={"country": "Germani"})
    with pytest.raises(ValueError, match=r'no group "contry"\. Did you mean "country"'):
        cx.open_survey(path, where={"contry": "Germany"})
    with pytest.raises(ValueError, match="expected a group and its label"):
        cx.open_survey(path, where="Germany")
    with pytest.raises(ValueError, match="names a group twice"):
        cx.open_survey(path, where="country=Germany;country=Austria")
    with pytest.raises(ValueError, match="no label"):
        cx.open_survey(path, where={"country": []})


def test_a_part_of_a_simulated_company_has_no_known_truth(brazil):
    with pytest.raises(AttributeError, match="known truth"):
        _ = brazil.truth


def test_page_and_index_tell_parts_apart(brazil):
    study = cx.sample_size(brazil, metric="nps")
    assert study.header.measure == "Net promoter score (NPS) · Country: Brazil"
    assert study.header.population == "Retail customers in five countries"
    assert study.header.score.value == pytest.approx(study.numbers.total.value)
    assert "(Country: Brazil)" in " ".join(study.need_to_know.to_text().split())
