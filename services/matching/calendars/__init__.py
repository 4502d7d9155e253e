"""Calendars: check-ins as iCalendar, for those who are asked and for the coordinator."""
