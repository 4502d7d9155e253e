"""Meetings: that tandems met, documented by their sides."""
