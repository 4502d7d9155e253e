"""Tandems: a mentor or group and a household together, from the trial to the closing talk."""
