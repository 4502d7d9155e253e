"""Trainings that who accompanies alone attended elsewhere, as a certificate shows."""
