"""One click: a run started from the form in a real browser ends with its answer and its plots."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("selenium")
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.deployments.conftest import surroundings

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SECONDS = 120
PRESSES = 6
FIELD = (
    "//span[contains(@class,'property__label')]"
    "[normalize-space()='{0}' or normalize-space()='{0} (Optional)']"
    "/ancestor::div[contains(concat(' ',@class,' '),' schema-form-property ')][1]"
)
SUBMIT = "//button[normalize-space()='Submit']"


class Page:
    """What a person does on the pages of the hub."""

    def __init__(self, window: Any) -> None:
        self.window = window

    def wait_for(self, xpath: str) -> Any:
        return WebDriverWait(self.window, SECONDS, ignored_exceptions=[StaleElementReferenceException]).until(
            lambda window: next((e for e in window.find_elements(By.XPATH, xpath) if e.is_displayed()), None)
        )

    def add_path(self, label: str, path: Path) -> None:
        field = FIELD.format(label)
        self.wait_for(f"{field}//button[contains(.,'Add item')]").click()
        self.wait_for(f"{field}//textarea").send_keys(str(path))

    def submit(self, hub: Any, name: str) -> str:
        """Press the button; the address of the run that the hub made of it.

        Leaving the last field lays the form out anew, and on a busy machine a press can meet the
        button while it moves; a person presses again, and so do we.
        """
        before = set(hub.runs(name))
        for _ in range(PRESSES):
            for button in self.window.find_elements(By.XPATH, SUBMIT):
                button.click()
            until = time.monotonic() + SECONDS / PRESSES
            while time.monotonic() < until:
                if fresh := set(hub.runs(name)) - before:
                    return f"{hub.said['url']}/runs/flow-run/{fresh.pop()}"
                time.sleep(0.5)
        raise AssertionError(f"no run after {PRESSES} presses; the page says: {self.words_with('')}")

    def widths(self, xpath: str) -> list[int]:
        """Of all pictures, once they are drawn: a browser decodes them after the page is there."""

        def drawn(window: Any) -> list[int]:
            found = [
                int(each.get_attribute("naturalWidth")) for each in window.find_elements(By.XPATH, xpath)
            ]
            return found if all(found) else []

        wait = WebDriverWait(self.window, SECONDS, ignored_exceptions=[StaleElementReferenceException])
        return list(wait.until(drawn))

    def words_with(self, part: str) -> str:
        """All words on the page, once `part` is among them."""
        return str(
            WebDriverWait(self.window, SECONDS).until(
                lambda window: part in (words := window.find_element(By.TAG_NAME, "body").text) and words
            )
        )

    def state(self) -> str:
        """How the run ended."""
        ended = "|".join(f"//span[normalize-space()='{word}']" for word in ("Completed", "Failed", "Crashed"))
        return str(self.wait_for(ended).text)

    def picture(self, name: str, folder: Path) -> None:
        self.window.save_screenshot(str(folder / name))
        sys.stdout.write(f"{folder / name}\n")


@pytest.fixture
def page(browser: Any) -> Page:
    return Page(browser)


def test_a_click_gives_the_answer_with_plots_and_the_same_product_as_the_command(hub, frames, page, tmp_path):
    page.window.get(hub.form("saxs"))
    page.add_path("Sample", frames.sample)
    page.add_path("Buffer", frames.buffer)
    page.picture("form.png", tmp_path)
    run = page.submit(hub, "saxs")
    page.window.get(run)
    ended = page.state()
    page.picture("run.png", tmp_path)
    page.wait_for("//li[normalize-space()='Artifacts']").click()
    page.window.get(page.wait_for("//a[contains(@href,'/artifacts/artifact/')]").get_attribute("href"))
    widths = page.widths("//img[starts-with(@src,'data:image/png')]")
    words = page.words_with("To mind")
    page.picture("answer.png", tmp_path)
    commanded = by_command(frames, tmp_path / "command")
    clicked = manifest_of(Path(hub.said["results"]), commanded["key"])

    assert ended == "Completed"
    assert len(widths) == len(clicked["plots"]) >= 4
    assert min(widths) > 300
    assert clicked["key"] in words and "radius of gyration" in words
    assert clicked["key"] == commanded["key"]
    assert clicked["findings"] == commanded["findings"]
    assert size_of(clicked) == pytest.approx(frames.radius_of_gyration, rel=0.02)


def test_a_run_that_fails_says_in_words_what_to_do_and_the_hub_goes_on(hub, page, tmp_path):
    page.window.get(hub.form("saxs"))
    page.add_path("Sample", tmp_path / "nowhere.dat")
    page.window.get(page.submit(hub, "saxs"))
    ended = page.state()
    words = page.words_with("Finished in state Failed")
    page.picture("failed.png", tmp_path)

    assert ended == "Failed"
    assert f"{tmp_path / 'nowhere.dat'} does not exist. Check the spelling" in words
    assert "Traceback" not in words
    assert hub.process.poll() is None


def manifest_of(results: Path, key: str) -> dict[str, Any]:
    """Of the product with this key; the hub of all tests may hold others."""
    return dict(json.loads((results / f"saxs-{key[:20]}" / "manifest.json").read_text()))


def by_command(frames: Any, out: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "halos", "reduce", str(frames.sample), "--json", "--out", str(out)]
    # As many threads as the hub has, so that the last digits of sums agree too.
    done = subprocess.run(
        [*command, "--set", f"buffer=[{frames.buffer}]"],
        capture_output=True,
        text=True,
        check=True,
        env=surroundings(),
    )
    return dict(json.loads(done.stdout))


def size_of(answer: dict[str, Any]) -> float:
    sizes = [each["value"] for each in answer["findings"] if each["quantity"] == "radius_of_gyration"]
    return float(sizes[0])
