"""Calendars: events as iCalendar, one by one and as a feed."""
