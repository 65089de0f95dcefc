"""Numbers as people read them: tokens, money, durations, shares. Pure."""

from gateway.usage.prices import format_micros

_STEPS = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))


def compact(number: float) -> str:
    """A count in three digits: 999, 1.23 k, 45.6 M."""
    for step, unit in _STEPS:
        if abs(number) >= step * 0.9995:
            scaled = number / step
            digits = 2 if abs(scaled) < 9.995 else 1 if abs(scaled) < 99.95 else 0
            return f"{scaled:.{digits}f} {unit}"
    return f"{number:.0f}"


def duration(milliseconds: float | None) -> str:
    """340 ms, 2.41 s, 3 min 20 s; a dash for what is not known."""
    if milliseconds is None:
        return "-"
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def percent(share: float | None) -> str:
    """A share of one as per cent; 100 % only where it is all, 0 % only where it is none."""
    if share is None:
        return "-"
    shown = round(share * 100, 1)
    if shown >= 100 > share * 100:
        shown = 99.9
    if shown <= 0 < share:
        shown = 0.1
    return f"{shown:g} %"


def money(micros: int, currency: str) -> str:
    """An amount of micro-units in the site's currency."""
    return format_micros(micros, currency)


def money_short(micros: int, currency: str) -> str:
    """An amount for cards and charts: two decimals, four where it is below one."""
    amount = micros / 1_000_000
    digits = 2 if abs(amount) >= 1 or not micros else 4
    shown = f"{amount:,.{digits}f}"
    if micros and not float(shown.replace(",", "")):
        return f"< 0.0001 {currency}"
    return f"{shown} {currency}"
