"""What a page of ours may not have, found by parsing it."""

from html.parser import HTMLParser

VOID = {"meta", "link", "img", "br", "hr", "input"}
LOADED = ("src", "srcset", "poster", "data", "background", "action")  # what a browser would fetch


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.found: list[str] = []
        self.ids: list[str] = []
        self.headings: list[int] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if tag == "script" or any(name.startswith("on") for name in given):
            self.found.append(f"a script: {tag}")
        for name, value in given.items():
            if name in LOADED and not (value or "").startswith("data:image/"):
                self.found.append(f"{tag} loads {value!r:.60}")
            if name == "href" and tag != "a" and not (value or "").startswith(("data:", "#")):
                self.found.append(f"{tag} refers to {value!r:.60}")
        if tag == "img" and not given.get("alt"):
            self.found.append("an img without alt")
        self.ids += [str(given["id"])] if "id" in given else []
        self.headings += [int(tag[1])] if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit() else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.found.append(f"</{tag}> closes something else")

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style" and ("url(" in data or "@import" in data):
            self.found.append("the style loads something")


def faults(text: str) -> list[str]:
    """Tags that are not closed, scripts, what would be loaded, pictures without words, headings out of order."""
    page = _Page()
    page.feed(text)
    page.close()
    found = [*page.found, *(f"<{tag}> is not closed" for tag in page.open)]
    found += [f"id {name} twice" for name in set(page.ids) if page.ids.count(name) > 1]
    found += [] if page.headings[:1] == [1] and page.headings.count(1) == 1 else ["not one h1 at the top"]
    found += [
        f"h{after} after h{before}"
        for before, after in zip(page.headings, page.headings[1:], strict=False)
        if after > before + 1
    ]
    found += [] if text.startswith("<!doctype html>") and '<html lang="en">' in text else ["no doctype or language"]
    return found
