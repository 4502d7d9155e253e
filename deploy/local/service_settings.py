"""What each service is told when it runs on the servers of a state folder."""

from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

import nats.errors
from pydantic import ValidationError

from deploy.local.cluster import Cluster
from deploy.local.exits import CannotGoOn, Exit
from deploy.nats.permissions import PROVISIONER
from libs.common.migrate import migrate
from libs.common.provision import provision
from libs.common.settings import CommonSettings, faults


def settings_for(
    service: str, cluster: Cluster, *, network: str, url: str, demonstration: bool = False
) -> CommonSettings:
    """The settings of a service on these servers, reached by people at `url`; the rest is read from LOTSE_… .

    Refused when something of that is wrong.
    """
    where = urlsplit(url)
    own = {"mail_folder": cluster.state / "mail"} if service == "notify" else {}
    kind: type[CommonSettings] = import_module(f"services.{service}.settings").Settings
    told: dict[str, Any] = {
        "network": network,
        "demonstration": demonstration,
        "host": where.hostname,
        "port": where.port,
        "public_url": url,
        "database_url": cluster.database_url(service),
        "owner_database_url": cluster.owner_database_url(service),
        "nats_url": cluster.nats_url,
        "nats_user": cluster.nats_user(service),
        "nats_password": cluster.nats_password(service),
        "nats_monitor_url": cluster.monitoring_url,
        "provisioner_password": cluster.nats_password(PROVISIONER),
        "master_key": cluster.master_key(service),
        "installation_secret": cluster.installation_secret,
    }
    try:
        return kind(**told | own)
    except ValidationError as wrong:
        raise refused_settings(wrong) from None


def refused_settings(wrong: ValidationError) -> CannotGoOn:
    """What is wrong with the settings of the environment, by their names."""
    return CannotGoOn("The settings are not complete or not right.", "\n".join(faults(wrong)), Exit.UNSAFE)


async def migrate_database(service: str, settings: CommonSettings) -> None:
    """Bring a service's database to this version's tables; refused when it is away or belongs to another network."""
    try:
        await migrate(service, settings)
    except OSError as away:
        raise CannotGoOn(f"{service}'s database does not answer: {away}.", code=Exit.UNAVAILABLE) from away
    except RuntimeError as refused:
        raise CannotGoOn(
            f"{service}: {refused}.", "Give the name of that network, or set LOTSE_STATE to another folder."
        ) from refused


async def provision_bus(cluster: Cluster) -> list[str]:
    """Make the bus's streams and durables or bring them up to date; what was made or changed, in words.

    Refused when the bus does not answer.
    """
    try:
        return await provision(cluster.nats_url, cluster.nats_user(PROVISIONER), cluster.nats_password(PROVISIONER))
    except (OSError, nats.errors.Error) as away:
        raise CannotGoOn(f"The bus cannot be provisioned: {away!r}.", code=Exit.UNAVAILABLE) from away
