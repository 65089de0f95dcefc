"""What the documents promise, held against the code."""

import re
from pathlib import Path

import pytest
from django.conf import settings

from gateway.metrics.series import SERIES
from gateway.protocols import PROTOCOLS
from gateway.protocols.base import supports
from gateway.retry import VERDICTS

ROOT = Path(__file__).parent.parent
SETTINGS = "".join(
    (ROOT / f"tokens_site/{name}.py").read_text("utf-8") for name in ("settings", "signing_in")
)


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def names_read() -> set[str]:
    return set(re.findall(r'env\.\w+\(\s*"(\w+)"', SETTINGS))


def test_every_setting_is_documented_and_no_other() -> None:
    documented = set(re.findall(r"^#?([A-Z0-9_]+)=", read(".env.example"), re.MULTILINE))
    read_by_name = names_read() | {"DATABASE_URL"}

    assert documented == read_by_name


@pytest.mark.parametrize("name", sorted(names_read()))
def test_documented_defaults_are_the_real_ones(name: str) -> None:
    [shown] = re.findall(rf"^#?{name}=(.*)$", read(".env.example"), re.MULTILINE)
    [default] = re.findall(
        rf'"{name}",\s*default=(.+?)\)(?:\s|$|,|\}}| or| if)', SETTINGS, re.DOTALL
    )
    if not shown or "BASE_DIR" in default:
        return
    value = eval(default, {"__builtins__": {}})  # a literal of our own settings file
    if isinstance(value, list):
        value = ",".join(value)
    assert shown.lower() == f"{value:g}" if isinstance(value, float) else str(value).lower()


def test_every_error_code_is_documented() -> None:
    table = read("docs/errors.md")
    files = [*ROOT.glob("gateway/*.py"), *ROOT.glob("gateway/[!sp]*/*.py")]  # ours: no platform's
    source = "".join(path.read_text("utf-8") for path in files)
    codes = set(re.findall(r'code="(\w+)"', source))
    codes |= {verdict.code for verdict in VERDICTS.values() if verdict.code}

    assert [code for code in sorted(codes) if f"`{code}`" not in table] == []


def test_the_table_of_metrics_is_the_code() -> None:
    text = read("docs/metrics.md")
    shown = re.findall(r"^\| `(tokens_\w+)` \| (\w+) \|([^|]*)\| (.*) \|$", text, re.MULTILINE)

    assert [(name, kind, labels.strip(), says) for name, kind, labels, says in shown] == [
        (name, row.kind, ", ".join(row.labels), row.help) for name, row in SERIES.items()
    ]
    exported = {name + end for name in SERIES for end in ("", "_bucket")}
    assert set(re.findall(r"\btokens_\w+", text)) <= exported


def test_the_retry_table_is_the_code() -> None:
    table = read("docs/errors.md")
    words = {"cool": "rests", "disable": "out of service", "count": "counts", "keep": "well"}

    for kind, verdict in VERDICTS.items():
        credential = words[verdict.credential]
        row = f"| `{kind}` | {verdict.again} | {credential} | {verdict.status} | "
        assert row in table, row


def test_the_table_of_protocols_is_the_code() -> None:
    head, _rule, *rows = re.findall(r"^\|.*\|$", read("docs/protocols.md"), re.MULTILINE)
    endpoints = [cell.strip() for cell in head.strip("|").split("|")[1:]]
    shown = {
        cells[0].strip(" `"): [cell.strip() == "yes" for cell in cells[1:]]
        for cells in (row.strip("|").split("|") for row in rows)
    }

    assert shown == {
        name: [supports(protocol, endpoint) for endpoint in endpoints]
        for name, protocol in PROTOCOLS.items()
    }


def test_both_readmes_show_the_same_commands() -> None:
    def blocks(name: str) -> list[str]:
        found: list[str] = re.findall(r"```(?:bash|python|js)\n(.*?)```", read(name), re.DOTALL)
        return [re.sub(r'"Hello"|"你好"', '"…"', block) for block in found]

    assert blocks("README.md") == blocks("README.zh-CN.md")


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "README.zh-CN.md",
        "docs/decisions/README.md",
        "docs/alerts.md",
        "docs/limits.md",
        "docs/media.md",
        "docs/metrics.md",
        "docs/protocols.md",
    ],
)
def test_links_lead_somewhere(name: str) -> None:
    links = re.findall(r"\]\((?!http|#)([^)#]+)", read(name))

    assert [link for link in links if not ((ROOT / name).parent / link).exists()] == []


def test_the_version_is_the_changelogs() -> None:
    assert f"## {settings.TOKENS_VERSION}" in read("CHANGELOG.md")
