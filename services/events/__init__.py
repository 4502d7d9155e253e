"""Events: what people attend.

It owns events, series, registrations and attendance, and the participants' names.
"""
