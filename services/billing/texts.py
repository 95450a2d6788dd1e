"""What documents say to people, in their language."""


def registration(unicode_name: str, years: int, locale: str) -> str:
    """A line's description of a domain registration."""
    if locale == "hu":
        return f"{unicode_name} domain regisztrációja, {years} év"
    return f"Registration of {unicode_name}, {years} {'year' if years == 1 else 'years'}"


def reversal(number: str, description: str, locale: str) -> str:
    """A storno line's description: what it takes back, and from which invoice."""
    if locale == "hu":
        return f"Sztornó ({number}): {description}"
    return f"Cancellation ({number}): {description}"
