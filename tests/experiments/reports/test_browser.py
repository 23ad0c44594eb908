"""A report in a browser, where there is one: Chromium without a display."""

import html
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.reports.comparison import compare
from experiments.reports.comparison_formats import FORMATS
from tests.experiments.reports.samples import answers, record, written

pytestmark = pytest.mark.slow  # a browser starts
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions", "--disable-sync")
OFFLINE = ("--disable-background-networking", "--disable-component-update", "--disable-default-apps")
WIDTHS = (375, 1200)
LONG = tuple(f"a class with a long-winded-and-unbreakable-name-{n}" for n in range(20))

FRAME = '<iframe style="border: 0; width: WIDTHpx; height: 800px" srcdoc="PAGE"></iframe>'
PAGE = """<!doctype html><body style="margin: 0">FRAMES<pre id="found"></pre><script>
window.onload = () => {
  const found = [...document.querySelectorAll("iframe")].map(frame => {
    const page = frame.contentDocument;
    const missing = [...page.images].filter(image => !image.complete || !image.naturalWidth).length;
    return {scroll: page.documentElement.scrollWidth, images: page.images.length, missing};
  });
  document.getElementById("found").textContent = JSON.stringify(found);
};
</script></body>"""


def shown(pages: list[tuple[str, int]], folder: Path) -> tuple[list[dict[str, Any]], str]:
    """What a browser found of pages, each of a width in pixels, and what it printed."""
    frames = (FRAME.replace("WIDTH", str(width)).replace("PAGE", html.escape(text)) for text, width in pages)
    path = folder / "pages.html"
    path.write_text(PAGE.replace("FRAMES", "".join(frames)), encoding="utf-8")
    command = [str(CHROMIUM), *QUIET, *OFFLINE, "--enable-logging=stderr", f"--user-data-dir={folder / 'user'}"]
    command += ["--virtual-time-budget=4000", "--dump-dom", path.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = html.unescape(done.stdout.split('<pre id="found">')[1].split("</pre>")[0])
    return json.loads(found), done.stderr


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
def test_a_browser_shows_pages_whole(tmp_path: Path) -> None:
    """No picture is missing, nothing is wider than the screen, and the console is silent."""
    many = tuple(f"{name} of many" for name in LONG) * 5
    texts = [
        written(record(0.5, readout=0.6, control=0.5), answers()),
        written(record(0.5, images=200, lr=1e-3, labels="a" * 90), answers(200, LONG)),
        written(record(0.5, images=200), answers(200, many, side=300)),
        FORMATS["html"](compare([record(0.5, lr=0.1), record(0.6, rule="hebbff", labels="b" * 90)])),
    ]
    pages = [(text, width) for text in texts for width in WIDTHS]
    found, console = shown(pages, tmp_path)
    for (text, width), page in zip(pages, found, strict=True):
        assert page["images"] == text.count("<img")
        assert page["missing"] == 0
        assert page["scroll"] <= width
    assert np.sum([page["images"] for page in found]) > 0
    assert "CONSOLE" not in console


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
def test_what_is_wrong_is_seen(tmp_path: Path) -> None:
    wrong = '<!doctype html><img src="data:image/png;base64,AAAA"><div style="width: 900px">x</div>'
    found, _ = shown([(wrong, 375)], tmp_path)
    assert found == [{"scroll": 908, "images": 1, "missing": 1}]
