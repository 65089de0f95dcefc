"""Pictures of every page of the console: `make screenshots`.

One sheet a page, in `docs/images/`: desktop light and dark, phone light and dark, English and
Chinese. With `--whole FOLDER` also every single picture in full size, to be looked at.
"""

import argparse
import asyncio
import io
import itertools
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.async_api import Browser, async_playwright

from tests.browser.console import Watched, chromium_options, make_people, opened
from tests.live.server import ROOT, Server, served

IMAGES = ROOT / "docs" / "images"
PAGES = {
    "dashboard": "/admin/?days=7",
    "first-steps": "/admin/first-steps/",
    "live": "/admin/live/",
    "playground": "/admin/playground/?platform=sandbox&model=sandbox-chat",
    "explorer": "/admin/explorer/",
    "requests": "/admin/gateway/usagerecord/",
    "request": "/admin/gateway/usagerecord/3/change/",
    "licences": "/admin/licences/licence/",
    "licence": "/admin/licences/licence/2/change/",
    "platforms": "/admin/platforms/platform/",
    "platform": "/admin/platforms/platform/2/change/",
    "add-platform": "/admin/platforms/platform/add/",
    "credentials": "/admin/platforms/credential/",
    "models": "/admin/platforms/modelmapping/",
    "media-tasks": "/admin/gateway/mediatask/",
    "alerts": "/admin/gateway/alert/",
    "alert-target": "/admin/gateway/alerttarget/add/",
    "people": "/admin/auth/user/",
    "audit": "/admin/gateway/auditevent/",
    "security": "/admin/security/",
    "reference": "/docs/",
}
_FILL = """
from tests.browser import plausible
plausible.fill()
result = None
"""


@dataclass(frozen=True)
class Look:
    """One way to see a page."""

    theme: str
    language: str
    phone: bool

    @property
    def name(self) -> str:
        return f"{'phone' if self.phone else 'desktop'}-{self.theme}-{self.language}"

    @property
    def viewport(self) -> dict[str, int]:
        return {"width": 390, "height": 844} if self.phone else {"width": 1360, "height": 850}


LOOKS = [
    Look(theme, language, phone)
    for phone, theme, language in itertools.product(
        (False, True), ("light", "dark"), ("en", "zh-Hans")
    )
]
# On a sheet: two desktops above each other, two phones beside them; each language and theme twice.
SHEET = (
    Look("light", "en", False),
    Look("dark", "zh-Hans", False),
    Look("light", "zh-Hans", True),
    Look("dark", "en", True),
)


async def pictures(
    browser: Browser, server: Server, look: Look, pages: dict[str, str]
) -> dict[str, bytes]:
    """These pages in one look, as PNG."""
    options = {
        "viewport": look.viewport,
        "color_scheme": look.theme,
        "locale": look.language,
        "is_mobile": look.phone,
        "device_scale_factor": 1,
    }
    found = {}
    async with opened(browser, server, **options) as tab:
        await tab.sign_in("owner")
        for name, path in pages.items():
            found[name] = await _picture(tab, path)
            tab.is_clean()
    return found


async def _picture(tab: Watched, path: str) -> bytes:
    await tab.go(path)
    # A live page is never idle for long; fonts and charts are there by then.
    await tab.page.evaluate("document.fonts.ready")
    await tab.page.wait_for_timeout(500)
    return await tab.page.screenshot()


def sheet(made: dict[Look, bytes]) -> Image.Image:
    """Four looks of a page on one picture."""
    desktops = [Image.open(io.BytesIO(made[look])).convert("RGB") for look in SHEET[:2]]
    phones = [Image.open(io.BytesIO(made[look])).convert("RGB") for look in SHEET[2:]]
    gap, width = 12, 760
    height = width * desktops[0].height // desktops[0].width
    tall = 2 * height + gap
    thin = tall * phones[0].width // phones[0].height
    whole = Image.new("RGB", (width + 2 * (thin + gap), tall), "#94a3b8")
    for place, picture in enumerate(desktops):
        small = picture.resize((width, height), Image.Resampling.LANCZOS)
        whole.paste(small, (0, place * (height + gap)))
    for place, picture in enumerate(phones):
        small = picture.resize((thin, tall), Image.Resampling.LANCZOS)
        whole.paste(small, (width + gap + place * (thin + gap), 0))
    return whole


async def everything(names: list[str], whole: Path | None) -> list[tuple[Path, bytes]]:
    """Fill a server of its own, look at it in every way; files and what belongs into them."""
    pages = {name: path for name, path in PAGES.items() if not names or name in names}
    made: dict[Look, dict[str, bytes]] = {}
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as server:
        server.prepare()
        server.query(_FILL)
        make_people(server)
        server.start()
        async with async_playwright() as playwright:
            chromium = shutil.which("chromium")
            browser = await playwright.chromium.launch(
                executable_path=chromium, **chromium_options()
            )
            for look in LOOKS if whole else SHEET:
                made[look] = await pictures(browser, server, look, pages)
                sys.stdout.write(f"{look.name}: {len(pages)} pages\n")
            await browser.close()
    return list(_files(pages, made, whole))


def _files(
    pages: dict[str, str], made: dict[Look, dict[str, bytes]], whole: Path | None
) -> Iterator[tuple[Path, bytes]]:
    for name in pages:
        out = io.BytesIO()
        sheet({look: made[look][name] for look in SHEET}).save(out, "WEBP", quality=72, method=6)
        yield IMAGES / f"{name}.webp", out.getvalue()
        if whole is not None:
            for look, pictures_of in made.items():
                yield whole / f"{name}-{look.name}.png", pictures_of[name]


def main() -> None:
    """All pages, or those that are named."""
    parser = argparse.ArgumentParser(description="Pictures of the console's pages.")
    parser.add_argument("pages", nargs="*", metavar="PAGE", help=", ".join(PAGES))
    parser.add_argument("--whole", type=Path, help="also every picture by itself, in this folder")
    given = parser.parse_args()
    made = asyncio.run(everything(given.pages, given.whole))
    for path, picture in made:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture)
        sys.stdout.write(f"{path}: {len(picture) // 1000} kB\n")


if __name__ == "__main__":
    main()
