"""Registry: who belongs to the network and what they offer.

It owns partners, offers, programmes, projects with their indicators, consultations, observations, keys and grants.
"""
