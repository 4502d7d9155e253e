"""What the link in a mail about an offer's freshness lets its reader do, and for how long."""

from datetime import timedelta

PURPOSE = "assure-offer"
PATH = "/v1/assurances/{token}"
# From the reminder, two weeks before it falls due, until the stale offer is hidden, and some days for the mail.
VALID = timedelta(days=60)
# The notifications that ask for it, by the names of their templates.
ASKING = frozenset({"offer_assurance_due", "offer_staled"})
