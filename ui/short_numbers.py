"""Numbers for captions."""


def short(value: float) -> str:
    """A number with two decimals, or two digits where that would show nothing but zeros."""
    return f"{value:.2f}" if abs(value) >= 0.01 or value == 0 else f"{value:.1e}"
