"""The published language: what each service announces, who hears whom, and who may ask whom."""

SERVICES = ("registry", "events", "matching", "notify")

# Listener -> speakers. A listener hears a speaker's whole stream, so that it can see a hole in the numbers.
HEARS: dict[str, tuple[str, ...]] = {
    "registry": ("events", "matching", "notify"),
    "events": ("registry", "matching", "notify"),
    "matching": ("registry", "events", "notify"),
    "notify": ("registry", "events", "matching"),
}

# Asker -> questions, `<owner>.<what>.v<n>`: what the bus lets each service ask beside a speaker's facts.
ASKS: dict[str, tuple[str, ...]] = {
    "registry": ("events.persons.v1", "matching.persons.v1", "notify.persons.v1", "matching.learning_text.v1"),
    "events": ("registry.count_secret.v1",),
    "matching": ("registry.count_secret.v1",),
    "notify": (
        "registry.addressee.v1", "registry.words.v1", "events.addressee.v1", "events.words.v1",
        "matching.addressee.v1", "matching.words.v1",
    ),
}
