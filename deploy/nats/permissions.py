"""Who may announce, ask, answer and hear what on the bus, as the text of nats-server's accounts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

#: The user that makes streams and durables; it can neither announce nor read a fact.
PROVISIONER = "provisioner"
#: The user that looks: streams, durables and stored facts, and changes nothing.
OPS = "ops"
#: The one question that whoever hears a speaker may ask: its facts, to fill a hole or an empty copy.
FACTS_QUESTION = "facts.v1"
#: The stream that every service writes to, to see whether the bus stores anything; it holds no facts.
PROBE = "probe"

Speech = Mapping[str, Iterable[str]]


@dataclass(frozen=True)
class Permissions:
    """The subjects that one user may publish and subscribe; everything else is refused."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


def services_in(hears: Speech, asks: Speech) -> tuple[str, ...]:
    """Every service that speaks, hears, asks or is asked, in alphabetical order."""
    named = {*hears, *asks}
    for others in (*hears.values(), *asks.values()):
        named.update(map(_owner, others))
    return tuple(sorted(named))


def bus_users(services: Iterable[str]) -> tuple[str, ...]:
    """The names of the bus's users: one per service, then the provisioner and ops."""
    return (*services, PROVISIONER, OPS)


def permissions(hears: Speech, asks: Speech) -> dict[str, Permissions]:
    """What each user may do, from who hears whom (listener to speakers) and who asks what (asker to questions).

    A question is `<owner>.<what>.v<n>`; an owner alone stands for everything it can be asked.
    """
    services = services_in(hears, asks)
    users = {service: _service(service, hears, asks) for service in services}
    users[PROVISIONER] = Permissions(_provisioning(services), _inbox(PROVISIONER))
    users[OPS] = Permissions(_looking(services), _inbox(OPS))
    return users


def user_in_account(user: str, account: int | None) -> str:
    """The name a user logs in with: names are unique on a server, so those of a test's account carry its number."""
    return user if account is None else f"{user}_{account}"


def accounts_conf(hears: Speech, asks: Speech, *, accounts: int = 0) -> str:
    """The accounts as nats-server reads them; the passwords stand in `passwords.conf` beside them.

    With `accounts` = n there are n accounts that know nothing of one another, each with all users
    (their names suffixed): one for each worker of a test run.
    """
    allowed = permissions(hears, asks)
    numbers: list[int | None] = [*range(accounts)] if accounts else [None]
    blocks = [_account(allowed, number) for number in numbers]
    head = (
        "# Made by `python -m deploy.nats.permissions` from who hears and who asks whom; not edited by hand.\n"
        'include "passwords.conf"\n'
    )
    return f"{head}\naccounts {{\n{''.join(blocks)}}}\n"


def passwords_conf(passwords: Mapping[str, str]) -> str:
    """The users' passwords as nats-server reads them: `passwords` maps each of `bus_users` to its own."""
    # nats-server's parser knows no \uXXXX and would take a quote as the end of the text.
    if any(set(password) & set('"\\\n') for password in passwords.values()):
        raise ValueError("a password for the bus holds no quotes, backslashes or line breaks")
    return "".join(f'{user}_password: "{password}"\n' for user, password in passwords.items())


def _service(name: str, hears: Speech, asks: Speech) -> Permissions:
    speakers = sorted(hears.get(name, ()))
    questions = sorted(asks.get(name, ()))
    publish = [f"{name}.>", f"{PROBE}.{name}"]
    for speaker in speakers:
        publish += [
            f"$JS.ACK.{speaker}.{name}.>",
            f"$JS.API.CONSUMER.MSG.NEXT.{speaker}.{name}",
            f"$JS.API.CONSUMER.INFO.{speaker}.{name}",
        ]
    publish += [f"$JS.API.STREAM.INFO.{name}", *_stored_facts(name)]
    publish += [f"ask.{question}" if "." in question else f"ask.{question}.>" for question in questions]
    publish += [f"ask.{speaker}.{FACTS_QUESTION}" for speaker in speakers if speaker not in questions]
    # Not allow_responses: with it whoever asks could name any subject as the answer's place, and the
    # owner would announce, or purge a stream, in the asker's stead.
    publish += [f"_INBOX_{asker}.>" for asker in _askers_of(name, hears, asks)]
    return Permissions(tuple(publish), (*_inbox(name), f"ask.{name}.>"))


def _askers_of(owner: str, hears: Speech, asks: Speech) -> list[str]:
    listeners = {listener for listener, speakers in hears.items() if owner in speakers}
    return sorted(listeners | {asker for asker, questions in asks.items() if owner in map(_owner, questions)})


def _owner(question: str) -> str:
    return question.split(".", 1)[0]


def _provisioning(streams: Iterable[str]) -> tuple[str, ...]:
    publish = ["$JS.API.INFO", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.LIST"]
    for stream in streams:
        publish += [f"$JS.API.STREAM.{verb}.{stream}" for verb in ("CREATE", "UPDATE", "INFO", "PURGE", "DELETE")]
        publish += [f"$JS.API.CONSUMER.{verb}.{stream}" for verb in ("NAMES", "LIST")]
        publish += [f"$JS.API.CONSUMER.{verb}.{stream}.>" for verb in ("CREATE", "DURABLE.CREATE")]
        publish += [f"$JS.API.CONSUMER.{verb}.{stream}.*" for verb in ("INFO", "DELETE")]
    publish += [f"$JS.API.STREAM.{verb}.{PROBE}" for verb in ("CREATE", "UPDATE", "INFO")]
    return tuple(publish)


def _looking(streams: Iterable[str]) -> tuple[str, ...]:
    publish = ["$JS.API.INFO", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.LIST"]
    for stream in streams:
        publish += [f"$JS.API.STREAM.INFO.{stream}", *_stored_facts(stream)]
        publish += [f"$JS.API.CONSUMER.{verb}.{stream}" for verb in ("NAMES", "LIST")]
        publish.append(f"$JS.API.CONSUMER.INFO.{stream}.*")
    return tuple(publish)


def _stored_facts(stream: str) -> tuple[str, ...]:
    return (f"$JS.API.STREAM.MSG.GET.{stream}", f"$JS.API.DIRECT.GET.{stream}", f"$JS.API.DIRECT.GET.{stream}.>")


def _inbox(user: str) -> tuple[str, ...]:
    return (f"_INBOX_{user}.>",)


def _account(allowed: Mapping[str, Permissions], number: int | None) -> str:
    name = user_in_account("network", number)
    users = "".join(_user(user, number, allowed[user]) for user in allowed)
    return f"  {name} {{\n    jetstream: enabled\n    users: [\n{users}    ]\n  }}\n"


def _user(user: str, account: int | None, allowed: Permissions) -> str:
    return (
        "      {\n"
        f"        user: {user_in_account(user, account)}\n"
        f"        password: ${user}_password\n"
        "        permissions {\n"
        f"{_subjects('publish', allowed.publish)}{_subjects('subscribe', allowed.subscribe)}"
        "        }\n"
        "      }\n"
    )


def _subjects(direction: str, subjects: Iterable[str]) -> str:
    lines = "".join(f'            "{subject}"\n' for subject in subjects)
    return f"          {direction}: [\n{lines}          ]\n"


if __name__ == "__main__":
    from libs.common import facts

    print(accounts_conf(facts.HEARS, facts.ASKS), end="")
