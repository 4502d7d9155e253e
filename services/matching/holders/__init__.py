"""Holders: whose data a link leads to, who may change them, and who only reads what is stored."""
