"""The HTML page of a bundle, opened from disk in a real Chromium: it shows the recorded session,
loads nothing, and runs nothing that a session could bring."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from machine import BIN

BUILD = os.path.dirname(os.path.abspath(BIN))
TEMPLATE = f"{BUILD}/share/gatetape/player.html"
HEADER = {"version": 2, "width": 80, "height": 24, "timestamp": 1796000000, "title": "alice",
          "env": {"TERM": "xterm"}}
EVENTS = [(1, "o", "the first line \u00e9\r\n"),
          (2, "o", "\x1b[31mred\x1b[0m </script><script>hack()</script>\r\n"),
          (3, "r", "100x30"), (30, "o", "the last line\r\n")]

# It plays, waits for the position and for the text, and pauses.
PLAY_SCRIPT = """
const button = document.getElementById("play");
const speed = document.getElementById("speed");
speed.value = "4";
speed.dispatchEvent(new Event("change"));
setTimeout(() => button.click(), 800);
const timer = setInterval(() => {
  const at = document.getElementById("position").textContent;
  const screen = document.querySelector("pre.ap-term-text");
  if (at < "Position 0:00:12" || !screen || !screen.textContent.includes("first line")) return;
  clearInterval(timer);
  document.body.dataset.label = button.textContent;
  button.click();
}, 100);
"""

folder = None


def setUpModule():
    global folder
    folder = tempfile.mkdtemp(prefix="gatetape_player_")
    lines = [json.dumps(line) for line in (HEADER, *EVENTS)]
    with open(f"{folder}/cast", "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    make_page("page.html", TEMPLATE)


def tearDownModule():
    shutil.rmtree(folder)


def make_page(name, template):
    subprocess.run([f"{BUILD}/tests/player_page", template, f"{folder}/cast", f"{folder}/{name}"],
                   check=True)


def template_with(html, without_policy=False):
    """Returns the path of a template whose page has more HTML at its end."""
    with open(TEMPLATE, encoding="utf-8") as file:
        text = file.read().replace("</body>", html + "</body>")
    if without_policy:
        text = re.sub('<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    with open(f"{folder}/template", "w", encoding="utf-8") as file:
        file.write(text)
    return f"{folder}/template"


def opened(page, wanted=lambda document: True):
    """Returns the document that Chromium has after some of the page's time, and its console. That
    time is virtual, and the player's program is compiled in real time: a machine that is busy needs
    more of it until the document is as wanted."""
    for budget_ms in (5000, 60000, 600000):
        ran = subprocess.run(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
             f"--virtual-time-budget={budget_ms}", f"--user-data-dir={folder}/profile",
             "--dump-dom", f"file://{folder}/{page}"], capture_output=True, timeout=90, check=True)
        document = ran.stdout.decode()
        if wanted(document):
            break
    lines = [line for line in ran.stderr.decode().split("\n") if "CONSOLE" in line]
    return document, "\n".join(lines)


def rows_of(document):
    """Returns the lines of the terminal that the page shows."""
    screen = document[document.index('<pre class="ap-term-text'):]
    screen = screen[:screen.index("</pre>")]
    rows = re.findall(r'<span class="ap-line".*?</span></span>', screen)
    return [re.sub(r"<[^>]*>", "", row).rstrip() for row in rows]


class Player(unittest.TestCase):
    def test_page_shows_the_recorded_screen(self):
        document, console = opened("page.html#t=5", lambda document: "the first line" in document)
        self.assertEqual(rows_of(document)[:2], [
            "the first line \u00e9", "red &lt;/script&gt;&lt;script&gt;hack()&lt;/script&gt;"])
        self.assertNotIn("the last line", rows_of(document))
        self.assertEqual(console, "")

    def test_position_in_the_address_is_shown(self):
        self.assertIn("the last line", rows_of(opened(
            "page.html#t=31", lambda document: "the last line" in document)[0]))

    def test_page_says_who_where_when_and_that_it_is_a_claim(self):
        document = opened("page.html")[0]
        for text in ("<title>Recorded session: alice: &lt;img", "<dd>db1</dd>",
                     "<dd>192.0.2.1:2222</dd>", "<dd>2026-11-30T00:53:20.000Z</dd>",
                     "<dd>1m05s</dd>", "This page is a claim, not proof.", "gatetape verify FILE",
                     '<button type="button">0:00:03</button>', "Apache License", "MIT License"):
            self.assertIn(text, document)

    def test_bytes_of_a_session_never_become_html(self):
        document = opened("page.html")[0]
        self.assertNotIn("<img", document)
        self.assertEqual(document.count("<script"), 5)

    def test_play_and_speed(self):
        """A script plays at 4 times the speed: soon the page is past 12 s, and has shown the text.
        Then the button pauses."""
        make_page("played.html", template_with(f"<script>{PLAY_SCRIPT}</script>",
                                               without_policy=True))
        document = opened("played.html", lambda document: "data-label=" in document)[0]
        self.assertIn('<button type="button" id="play">Play</button>', document)
        self.assertIn('data-label="Pause"', document)
        position = re.search(r"Position 0:00:(\d\d)", document).group(1)
        self.assertIn(int(position), range(12, 31))

    def test_policy_refuses_what_is_not_of_the_template(self):
        """If a session did bring HTML into the page, it would neither run nor load anything."""
        make_page("hacked.html", template_with(
            "<script>document.title = 'hacked'</script><img src='file:///x.png'>"
            "<p id='hacked' style='color: red'>"))
        document, console = opened("hacked.html")
        self.assertNotIn("<title>hacked", document)
        self.assertIn("id=\"hacked\"", document)
        self.assertIn("script-src", console)
        self.assertIn("img-src", console)
        self.assertIn("style-src", console)


if __name__ == "__main__":
    unittest.main()
