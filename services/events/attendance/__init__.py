"""Attendance: who was at an event, as far as anyone needs to know."""
