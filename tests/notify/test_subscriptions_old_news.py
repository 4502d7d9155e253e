"""What happened before somebody subscribed is no news to them, however late or again notify hears of it."""

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from libs.common.envelope import Heard, envelope_headers
from tests.harness import Network, Service
from tests.notify.post import Owner, deliveries, published
from tests.notify.test_subscriptions_http import a_subscriber


async def test_what_happened_before_the_subscription_is_not_told(
    network: Network, notify: Service, registry: Owner, folder: Path,
) -> None:
    """Of two offers of which notify hears now, only the one published after the confirmation is told."""
    await a_subscriber(notify, folder)
    now = notify.running.database.clock.now()
    heard = []
    for number, at in ((1, now - timedelta(days=1)), (2, now)):
        fact, fact_id = published(), uuid4()
        headers = envelope_headers(network="test", subject=fact.subject, fact_id=fact_id, about=fact.about(), at=at,
                                   correlation=uuid4().hex, actor_role="system", region=fact.region)
        body = fact.model_dump_json().encode()
        heard.append(Heard("registry", number, fact_id, fact.subject, fact.about(), headers, body))

    await notify.running.inbox.take("registry", heard)

    told = [row["cause"] for row in await deliveries(network) if row["template"] == "offer_new"]
    assert told == [heard[1].fact_id]
