"""Notify: everyone is told in their own language.

It owns recipients' preferences, templates and deliveries, and keeps no contact points.
"""
