"""YAML as people write it: texts stay texts, nothing stands twice, and every fault has its line."""

import pytest
import yaml

from app.documents import yaml_text
from app.documents.monitors_file import MAX_MONITORS, MonitorEntrySchema
from app.documents.yaml_text import YamlError, read, write


def test_texts_that_older_readers_take_for_something_else_stay_texts() -> None:
    text = "- NO\n- yes\n- 0123\n- 1e3\n- 12:30\n- 2026-01-01\n- 1_000\n- 0x1f"

    assert read(text).value == text.replace("- ", "").split("\n")


def test_numbers_truth_and_nothing() -> None:
    assert read("[1, -5, 0.5, true, False, null, ~, '1']").value == [1, -5, 0.5, True, False, None, None, "1"]


def test_what_is_written_reads_the_same() -> None:
    texts = ["NO", "yes", "0123", "1e3", "12:30", "2026-01-01", "1_000", "~", "", "a: b", "ü", "<<", "1.5"]
    value = {"texts": texts, "numbers": [1, 0.5, 1e20, -3], "flags": [True, None], "lines": "a\nb\n"}

    assert read(write(value)).value == value


def test_a_mapping_may_take_over_another() -> None:
    text = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}"

    assert read(text).value["b"] == {"x": 1, "y": 3}


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        ("a: 1\nb: 2\na: 3", 3, "has a key twice"),
        ("a: 1\nb: [", None, "is no YAML"),
        ("a: !!python/object:os.system 1", 1, "has a tag that is not understood"),
        ("a: 1\n? [b]\n: 1", 2, "has a key that is no text"),
        ("<<: 5", 1, "merges"),
        ("a: &a [*a]", 1, "nested deeper"),
        ("[" * 100_000, 1, "nested deeper"),
        ("[" * 100_000 + "]" * 100_000, None, "is"),
        ("- " * 50_000, None, "is"),
        ("", None, "is empty"),
        ("a: 1\n---\nb: 2", 2, "is no YAML"),
        ("a: " + "9" * 5000, 1, "too long"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(text: str, line: int | None, sentence: str) -> None:
    with pytest.raises(YamlError, match=sentence) as caught:
        read(text)
    assert line is None or caught.value.line == line


def test_aliases_may_not_repeat_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_text, "MAX_VALUES", 10_000)
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]

    with pytest.raises(YamlError, match="values"):
        read("a0: &a0 x\n" + "\n".join(levels))


def test_no_secret_is_quoted_from_what_cannot_be_parsed() -> None:
    with pytest.raises(YamlError) as caught:
        read("password: *s3cret")
    assert "s3cret" not in str(caught.value)


def test_the_line_of_a_path_or_of_what_is_nearest() -> None:
    text = read("a:\n- b: 1\n  c:\n    d: 2\n- b: 3")

    paths = ("a", "a.0.c.d", "a.0.c.e", "a.1.b", "a.7", "x")
    assert [text.line_of(path) for path in paths] == [1, 4, 3, 5, 1, 1]


def test_as_many_exported_monitors_fit_as_a_document_may_have() -> None:
    keys = [field.data_key for field in MonitorEntrySchema().fields.values()]
    config = {f"key{at}": {"env": "A" * 60, "else": "keep"} for at in range(7)}
    entry = dict.fromkeys(keys, "a" * 20) | {"imapPopConfig": config}
    one = len(yaml_text.write([entry]).encode())
    events = sum(1 for _ in yaml.parse(yaml_text.write([entry])))

    assert one * MAX_MONITORS < yaml_text.MAX_BYTES
    assert events * MAX_MONITORS < yaml_text.MAX_VALUES
