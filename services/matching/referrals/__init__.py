"""Referrals: somebody who is counselled is sent on to an offer, with their consent and not beyond it."""
