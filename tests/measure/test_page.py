import re
import shutil
import subprocess
from base64 import b64decode
from html.parser import HTMLParser
from math import inf, nan

import cv2
import numpy as np
import pytest

from cinemill.measure.page import Moment, Plot, Sentences, Series, Slider, Table, page, thinned, ticks

NASTY = "<script>alert('x')</script> & \"quotes\""


class Elements(HTMLParser):
    """Every element with its attributes, and the text of all of them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def shot(value: int, size: tuple[int, int] = (60, 80)) -> np.ndarray:
    return np.full((*size, 3), value, np.uint8)


@pytest.fixture
def written(tmp_path):
    moments = [Moment("0:01", shot(20), shot(200)), Moment("0:02", shot(30), shot(210, (120, 160)))]
    points = [(0.0, 30.0), (1.0, 35.0), (2.0, inf), (3.0, 40.0)]
    path = tmp_path / "report.html"
    page(
        path,
        NASTY,
        [("PSNR", "30 dB"), (NASTY, NASTY)],
        Slider(moments, before="Tape", after=NASTY),
        Sentences(NASTY, [NASTY, "second"]),
        Table(NASTY, ["", NASTY], [["row", NASTY]]),
        Plot(NASTY, "dB", [Series(NASTY, points), Series("other", [(0.0, 20.0), (3.0, 20.0)])]),
        lead=NASTY,
    )
    return path


def test_text_is_escaped_wherever_it_stands(written):
    parsed = Elements(written.read_text("utf-8"))
    assert len(parsed.all("script")) == 1
    assert parsed.text.count(NASTY) >= 10


def test_the_file_asks_for_nothing_from_outside(written):
    html = written.read_text("utf-8")
    parsed = Elements(html)
    assert not re.search(r"https?:|url\(|@import|<link|<iframe", html)
    assert all(image["src"].startswith("data:image/jpeg;base64,") for image in parsed.all("img"))
    policy = next(meta["content"] for meta in parsed.all("meta") if "http-equiv" in meta)
    assert policy.startswith("default-src 'none'")


def test_both_pictures_of_a_moment_are_embedded_at_one_size(written):
    images = Elements(written.read_text("utf-8")).all("img")
    embedded = [cv2.imdecode(np.frombuffer(b64decode(i["src"].split(",")[1]), np.uint8), 1) for i in images]
    sizes = [image.shape[:2] for image in embedded]
    assert sizes == [(60, 80), (60, 80), (120, 160), (120, 160), (96, 128), (96, 128)]
    assert [round(float(image.mean())) for image in embedded] == [200, 20, 210, 30, 200, 210]


def test_sliders_are_named_for_those_who_cannot_see_them(written):
    parsed = Elements(written.read_text("utf-8"))
    ranges = parsed.all("input")
    assert [r["type"] for r in ranges] == ["range", "range"]
    assert all("Tape" in r["aria-label"] and "0:0" in r["aria-label"] for r in ranges)
    assert sum(bool(image["alt"]) for image in parsed.all("img")) == 4


def test_a_plot_places_values_on_one_scale_and_leaves_out_the_infinite(written):
    lines = [line["points"].split() for line in Elements(written.read_text("utf-8")).all("polyline")]
    first, second = ([tuple(map(float, point.split(","))) for point in line] for line in lines)
    assert len(first) == 3
    assert len(second) == 2
    (x0, y0), (x1, y1), (x3, y3) = first
    assert (x1 - x0) * 3 == pytest.approx(x3 - x0, abs=0.5)
    assert y0 - y1 == pytest.approx(y1 - y3, abs=0.2)
    # 20 lies as far below 30 as 40 above it, and up is less.
    assert second[0][1] - y0 == pytest.approx(y0 - y3, abs=0.2)


def test_a_plot_without_values_says_so():
    assert "No values." in Plot("empty", "dB", [Series("a", [(0.0, nan)]), Series("b", [])]).html()
    assert "<polyline" in Plot("one", "dB", [Series("a", [(0.0, 5.0)])]).html()


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (31.2, 37.9, [32, 34, 36]),
        (-3, 3, [-2, 0, 2]),
        (5, 5, [5]),
        (0, 4000, [0, 1000, 2000, 3000, 4000]),
    ],
)
def test_ticks_are_round_and_within(low, high, expected):
    assert ticks(low, high, 5) == expected


def test_thinning_keeps_the_order_and_every_peak():
    points = [(float(n), float(n % 7)) for n in range(10_000)]
    points[1234] = (1234.0, -50.0)
    points[8765] = (8765.0, 99.0)
    kept = thinned(points, 400)
    assert len(kept) <= 400
    assert kept == sorted(kept)
    assert {(1234.0, -50.0), (8765.0, 99.0)} <= set(kept)
    assert thinned(points[:10], 400) == points[:10]


def test_a_single_moment_needs_no_choice():
    assert "moments" not in Slider([Moment("0:01", shot(1), shot(2))]).html()


@pytest.mark.skipif(not shutil.which("chromium"), reason="no chromium here")
def test_a_browser_shows_the_first_moment_and_runs_the_script(written):
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", f"file://{written}"]
    done = subprocess.run(["chromium", *flags], capture_output=True, timeout=60, check=True)
    parsed = Elements(done.stdout.decode())
    assert ["hidden" in figure for figure in parsed.all("figure")] == [False, True]
    pressed = [button["aria-pressed"] for button in parsed.all("button") if button.get("class") != "zoom"]
    assert pressed == ["true", "false"]
    assert all("hidden" not in button for button in parsed.all("button"))
