"""The published language: what each service announces, who hears whom, and who may ask whom."""

SERVICES = ("registry", "events", "matching", "notify")

# Listener -> speakers. A listener hears a speaker's whole stream, so that it can see a hole in the numbers.
HEARS: dict[str, tuple[str, ...]] = {
    "registry": ("events", "matching", "notify"),
    "events": ("registry", "matching", "notify"),
    "matching": ("registry", "events", "notify"),
    "notify": ("registry", "events", "matching"),
}

# Asker -> owners. Which question whom exactly stands with the questions; the shape test compares both.
ASKS: dict[str, tuple[str, ...]] = {
    "registry": ("events", "matching", "notify"),
    "events": ("registry",),
    "matching": ("registry",),
    "notify": ("registry", "events", "matching"),
}
