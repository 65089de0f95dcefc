"""Sizes of pictures and films in OpenAI's words and in those of platforms. Pure."""

from collections.abc import Collection, Mapping

from gateway.protocols.base import refuse, without
from gateway.shapes import Json

_SIZES = {
    ("720", "16:9"): "1280x720",
    ("720", "9:16"): "720x1280",
    ("720", "1:1"): "960x960",
    ("1080", "16:9"): "1920x1080",
    ("1080", "9:16"): "1080x1920",
    ("1080", "1:1"): "1440x1440",
}
"""What the names stand for; what else there is differs from model to model."""


def pixels(size: str) -> tuple[int, int] | None:
    """Width and height of `1024x768`, also spelled `1024*768`; None where it is something else."""
    width, found, height = size.lower().replace("*", "x").partition("x")
    if found and width.isdecimal() and height.isdecimal() and len(size) <= 11:
        return int(width), int(height)
    return None


def nearest_ratio(size: str, ratios: Collection[str], *, param: str = "size") -> str:
    """The one of these ratios (`16:9`) that `WxH`, or a ratio itself, means. Raises BadRequest.

    A size may be up to 5 % off, because real sizes are rounded: 1792x1024 is 16:9.
    """
    if size in ratios:
        return size
    found = pixels(size)
    if found is not None and min(found) > 0:
        wanted = found[0] / found[1]

        def distance(ratio: str) -> float:
            width, height = map(int, ratio.split(":"))
            return abs(width / height / wanted - 1)

        best = min((ratio for ratio in ratios if ":" in ratio), key=distance)
        if distance(best) <= 0.05:
            return best
    refuse(param, size, f"sizes of the ratios {', '.join(ratios)}")


def resolution_of(size: str, names: Mapping[int, str], *, param: str = "size") -> str:
    """The name of the resolution (`720p`) whose lines `WxH` has on its shorter side.

    `names` maps lines to names, such as {480: "480p"}; up to 10 % off is the same. Raises
    BadRequest.
    """
    found = pixels(size)
    if found is not None:
        lines = min(found)
        best = min(names, key=lambda known: abs(known - lines))
        if abs(best - lines) <= best * 0.1:
            return names[best]
    refuse(param, size, f"sizes of {', '.join(names.values())}, such as 1280x720")


def shape_of(
    size: str, options: Mapping[str, Json], resolutions: Mapping[int, str], ratios: tuple[str, ...]
) -> dict[str, Json]:
    """`size` as `resolution` and `ratio`, as far as the options leave them open.

    Where it is a resolution's or a ratio's own name, it is only that. No `ratios`: the picture to
    begin with decides on it. Raises BadRequest.
    """
    names = {name.lower(): name for name in resolutions.values()}
    shape: dict[str, Json] = {}
    if size.lower() in names:
        shape["resolution"] = names[size.lower()]
    elif ratios and pixels(size) is None:
        shape["ratio"] = nearest_ratio(size, ratios)
    else:
        if "resolution" not in options:
            shape["resolution"] = resolution_of(size, resolutions)
        if ratios and "ratio" not in options:
            shape["ratio"] = nearest_ratio(size, ratios)
    return without(shape, tuple(options))


def film_facts(seconds: Json, resolution: Json, ratio: Json) -> dict[str, Json]:
    """A film's `seconds` and `size`, as far as the platform says them exactly."""
    facts: dict[str, Json] = {}
    if type(seconds) in (int, float) and seconds > 0:
        facts["seconds"] = f"{seconds:g}"
    if size := _SIZES.get((str(resolution).lower().removesuffix("p"), str(ratio))):
        facts["size"] = size
    return facts
