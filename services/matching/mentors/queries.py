"""Reads about mentors: of whom a certificate is to be seen."""

from datetime import date

from sqlalchemy import ColumnElement
from sqlmodel import and_, col, or_

from services.matching.mentors.model import VETTED, Mentor, MentorState


def without_record_by(day: date) -> ColumnElement[bool]:
    """Of those who have not left: whose certificate is to be seen again by a day, or who were vetted and have none."""
    return and_(col(Mentor.state) != MentorState.LEFT, or_(
        col(Mentor.record_next_due) <= day,
        and_(col(Mentor.state).in_(VETTED), col(Mentor.record_next_due).is_(None))))
