from __future__ import annotations

import pytest

from zero_dce.images.suffixes import PICTURE_FORMATS, has_reader, missing_readers, picture_suffixes, require_reader


def test_every_suffix_is_of_one_format() -> None:
    suffixes = [suffix for form in PICTURE_FORMATS.values() for suffix in form.suffixes]
    assert len(suffixes) == len(set(suffixes))
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in suffixes)
    assert {".jfif", ".jpe", ".dib", ".apng", ".heic", ".avif", ".jxl", ".jp2", ".dng"} <= picture_suffixes()


def test_a_reader_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zero_dce.images.suffixes.find_spec", lambda name: None)
    assert not has_reader("HEIC")
    assert has_reader("JPEG")
    assert not picture_suffixes() & {".heic", ".dng"}
    assert missing_readers()["pip install 'zero-dce-lightning[heif]'"] == {".heic", ".heif", ".hif"}
    with pytest.raises(ModuleNotFoundError, match=r"RAW needs rawpy: pip install 'zero-dce-lightning\[raw\]'"):
        require_reader("RAW")
    require_reader("PNG")
