"""Two pictures side by side, blind; the page's ranking is that of ``zero_dce.review.bradley_terry``."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.helpers.sweeps import SweepMaker, make_pictures
from tests.review.conftest import Open
from zero_dce.review.bradley_terry import rank
from zero_dce.review.bundle import bundle
from zero_dce.review.rank import VOTE_SHARES, read_votes
from zero_dce.review.report import page_scripts, write_report

pytestmark = pytest.mark.chromium


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """Three runs of two steps with two pictures each."""
    maker = SweepMaker(tmp_path / "sweep", [{"exp": value} for value in (3, 10, 30)], make_pictures(2))
    for run in range(3):
        maker.run(run, [0, 10, 20])
    return write_report(maker.folder)


def open_judge(page: Page) -> None:
    page.locator("#open-judge").click()
    expect(page.locator("#judge")).to_be_visible()


def shown(page: Page) -> list[str]:
    """The files of the left and the right picture, relative to the page."""
    sources = [page.locator(f"#judge-{side}-picture").get_attribute("src") for side in ("left", "right")]
    return [str(source) for source in sources]


def test_two_checkpoints_are_shown_without_their_names(report: Path, open_page: Open) -> None:
    page = open_page(report)
    open_judge(page)
    left, right = shown(page)
    assert left != right
    assert {part.split("/")[2] for part in (left, right)} == {"step-000020"}, "the last step of each run"
    assert left.split("/")[-1] == right.split("/")[-1], "the same photograph"
    for side in ("left", "right"):
        assert page.evaluate(f"document.getElementById('judge-{side}-picture').decode().then(() => true)")
    above = page.locator("#judge > .bar, #judge-pictures").all_inner_texts()
    assert not any(word in text for text in above for word in ("run 0", "run 1", "run 2", "exp=", "step"))
    boxes = [page.locator(f"#judge-{side}-picture").bounding_box() for side in ("left", "right")]
    assert boxes[0]
    assert boxes[1]
    assert 0 < boxes[1]["x"] - boxes[0]["x"] - boxes[0]["width"] < 20, "near each other"


def test_keys_choose_and_the_votes_are_saved(report: Path, open_page: Open, tmp_path: Path) -> None:
    """The judge prefers run 1 to run 0 to run 2, whatever side they are on."""
    page = open_page(report)
    open_judge(page)
    preference = {"1": 2, "0": 1, "2": 0}
    for _ in range(24):
        left, right = (preference[source.split("/")[0]] for source in shown(page))
        page.keyboard.press("ArrowLeft" if left > right else "ArrowRight")
    expect(page.locator("#judge-verdict")).to_contain_text("24 votes. Enough was judged: the first is the best")
    with page.expect_download() as download:
        page.locator("#judge-save").click()
    download.value.save_as(tmp_path / "votes.json")
    names, votes = read_votes(tmp_path / "votes.json")
    ranking = rank(len(names), [(left, right, VOTE_SHARES[choice]) for left, right, choice in votes])
    assert len(votes) == 24
    assert [names[index].split()[1] for index in ranking.order()] == ["1", "0", "2"]
    table = page.locator("#judge-ranking tr").all_inner_texts()
    assert [line.split("\t")[1].split(" ")[1] for line in table] == ["1", "0", "2"]
    second = ranking.order()[1]
    behind = ranking.strengths[second] - ranking.strengths[ranking.order()[0]]
    assert table[1].split("\t")[2] == f"{behind:.2f} ± {ranking.error(second, ranking.order()[0]):.2f}"


def test_each_saved_vote_names_its_photograph(report: Path, open_page: Open, tmp_path: Path) -> None:
    page = open_page(report)
    open_judge(page)
    for key in ("ArrowDown", "ArrowLeft", "Backspace", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    save(page, tmp_path / "votes.json")
    votes = json.loads((tmp_path / "votes.json").read_text())["votes"]
    assert [vote["choice"] for vote in votes] == ["equal", "right", "equal"]
    names = {"00": "scene/0.JPG", "01": "scene/1.JPG"}
    assert [vote["photograph"] for vote in votes] == [names[vote["picture"]] for vote in votes]
    assert len({vote["photograph"] for vote in votes}) == 2, "the picture that was seen least comes next"


def test_equal_undo_and_discard(report: Path, open_page: Open) -> None:
    page = open_page(report)
    open_judge(page)
    before = shown(page)
    page.keyboard.press("ArrowDown")
    expect(page.locator("#judge-verdict")).to_contain_text("1 vote.")
    page.keyboard.press("Backspace")
    expect(page.locator("#judge-verdict")).to_contain_text("0 votes")
    assert shown(page) == before
    page.keyboard.press("ArrowDown")
    page.locator("#judge-close").click()
    page.keyboard.press("k")
    expect(page.locator("#said")).to_contain_text("There are votes already")
    open_judge(page)
    page.locator("#judge-discard").click()
    expect(page.locator("#judge #said")).to_have_text("Not saved yet: 1 vote. To discard them, press again")
    expect(page.locator("#judge-verdict")).to_contain_text("1 vote.")
    page.locator("#judge-discard").click()
    expect(page.locator("#open-judge")).to_have_text("Judge")


def test_votes_are_not_lost_by_accident(report: Path, open_page: Open) -> None:
    page = open_page(report)
    leave = "dispatchEvent(new Event('beforeunload', { cancelable: true }))"
    open_judge(page)
    assert page.evaluate(leave), "there is nothing to lose"
    page.keyboard.press("ArrowDown")
    assert not page.evaluate(leave)
    with page.expect_download():
        page.locator("#judge-save").click()
    assert page.evaluate(leave), "a file has them"
    page.keyboard.press("Backspace")
    page.keyboard.press("ArrowLeft")
    assert not page.evaluate(leave)
    with page.expect_download():
        page.locator("#judge-save").click()
    page.locator("#judge-discard").click()
    expect(page.locator("#judge")).to_be_hidden()


def save(page: Page, file: Path) -> None:
    with page.expect_download() as download:
        page.locator("#judge-save").click()
    download.value.save_as(file)


def test_saved_votes_are_loaded_to_judge_on(report: Path, open_page: Open, tmp_path: Path) -> None:
    page = open_page(report)
    for run, step in ((2, 10), (0, 20)):
        page.locator(f'[data-run="{run}"] .picture[aria-label$=", step {step}"]').focus()
        page.keyboard.press("k")
    open_judge(page)
    for key in ("ArrowLeft", "ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
    save(page, tmp_path / "votes.json")
    ranking = page.locator("#judge-ranking").inner_text()
    again = open_page(report)
    open_judge(again)
    again.locator("#judge-file").set_input_files(tmp_path / "votes.json")
    expect(again.locator("#judge-verdict")).to_contain_text("3 votes.")
    assert again.locator("#judge-ranking").inner_text() == ranking
    expect(again.locator(".cell.candidate")).to_have_count(2)
    again.locator("#judge-file").set_input_files(tmp_path / "votes.json")
    expect(again.locator("#said")).to_contain_text("There are votes already")
    save(again, tmp_path / "same.json")
    assert (tmp_path / "same.json").read_text() == (tmp_path / "votes.json").read_text()


CANDIDATES = [{"run": 0, "name": "exp=3", "step": 20}, {"run": 1, "name": "exp=10", "step": 20}]
VOTE = {"left": 0, "right": 1, "picture": "00", "choice": "left"}


@pytest.mark.parametrize(
    "content",
    [
        [],
        {"candidates": CANDIDATES},
        {"candidates": [{**CANDIDATES[0], "name": "exp=4"}, CANDIDATES[1]], "votes": []},
        {"candidates": [{**CANDIDATES[0], "step": 21}, CANDIDATES[1]], "votes": []},
        {"candidates": CANDIDATES[:1], "votes": []},
        {"candidates": CANDIDATES, "votes": [{**VOTE, "right": 2}]},
        {"candidates": CANDIDATES, "votes": [{**VOTE, "choice": "both"}]},
    ],
)
def test_what_is_no_record_of_votes_is_not_loaded(report: Path, open_page: Open, tmp_path: Path, content: Any) -> None:
    (tmp_path / "votes.json").write_text(json.dumps(content))
    page = open_page(report)
    open_judge(page)
    page.locator("#judge-file").set_input_files(tmp_path / "votes.json")
    expect(page.locator("#judge #said")).to_contain_text("Not loaded")
    expect(page.locator("#judge-verdict")).to_contain_text("0 votes.")
    expect(page.locator("#open-judge")).to_have_text("Judge 3")


def test_pairs_that_decide_come_first_and_none_twice(report: Path, open_page: Open) -> None:
    """Of six pairs and two pictures each: all that the best is part of, before any is asked again."""
    page = open_page(report)
    for run, step in ((0, 20), (1, 20), (2, 20), (2, 10)):
        page.locator(f'[data-run="{run}"] .picture[aria-label$=", step {step}"]').focus()
        page.keyboard.press("k")
    open_judge(page)
    asked = []
    for _ in range(12):
        left, right = shown(page)
        asked.append(frozenset((left, right)))
        # Run 1 is the best; the others are alike.
        page.keyboard.press({"1": "ArrowLeft"}.get(left[0], {"1": "ArrowRight"}.get(right[0], "ArrowDown")))
    best = [pair for pair in asked if any(name[0] == "1" for name in pair)]
    assert len(best) >= 6
    assert len(set(best)) == 6, "each of its three pairs by both pictures"


def test_the_best_can_be_picked_from_the_ranking(report: Path, open_page: Open) -> None:
    page = open_page(report)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_judge(page)
    best = page.locator("#judge-ranking tr").first
    run = best.inner_text().split("run ")[1].split(" ")[0]
    best.locator("button").click()
    expect(page.locator("#judge #said")).to_contain_text(f"--run {run} --step 20")
    assert page.evaluate("navigator.clipboard.readText()").endswith(f"--run {run} --step 20")


def test_only_marked_checkpoints_are_judged(report: Path, open_page: Open) -> None:
    page = open_page(report)
    for run, step in ((0, 10), (2, 20)):
        page.locator(f'[data-run="{run}"] .picture[aria-label$=", step {step}"]').focus()
        page.keyboard.press("k")
    expect(page.locator("#open-judge")).to_have_text("Judge 2")
    expect(page.locator(".cell.candidate")).to_have_count(2)
    open_judge(page)
    assert {"/".join(source.split("/")[:3]) for source in shown(page)} == {
        "0/samples/step-000010",
        "2/samples/step-000020",
    }


def test_one_candidate_is_too_few(report: Path, open_page: Open) -> None:
    page = open_page(report)
    page.keyboard.press("k")
    page.locator("#open-judge").click()
    expect(page.locator("#said")).to_contain_text("Mark at least two checkpoints first")


def test_the_page_and_python_compute_the_same(report: Path, open_page: Open) -> None:
    page = open_page(report)
    page.add_script_tag(content=bundle({"ranking.js": page_scripts()["ranking.js"]}))
    generator = random.Random(0)
    for count in (2, 3, 7):
        votes: list[Any] = []
        for _ in range(40 * count):
            one, other = generator.sample(range(count), 2)
            votes.append([one, other, generator.choice([0, 0.5, 1])])
        now = page.evaluate(
            """([count, votes]) => {
              const { probability, error, ...rest } = modules["ranking.js"].rankVotes(count, votes);
              return { ...rest, sure: probability(0, 1) }; }""",
            [count, votes],
        )
        ranking = rank(count, [tuple(vote) for vote in votes])
        np.testing.assert_allclose(now["strengths"], ranking.strengths, atol=1e-8)
        np.testing.assert_allclose(now["covariance"], ranking.covariance, atol=1e-8)
        assert now["order"] == ranking.order()
        assert now["verdict"] == ranking.verdict()
        assert now["sure"] == pytest.approx(ranking.probability(0, 1), abs=1e-6)
