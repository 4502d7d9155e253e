"""Referrals: that somebody was sent on to a partner's offer, as matching tells; of whom, the registry never learns."""
