"""Addresses: mail addresses and telephone numbers in one form, and the blind indexes by which they are found again."""

import phonenumbers

from libs.common.privacy import Vault


def normalised_email(email: str) -> str:
    """A mail address as it is compared: without blanks, in small letters."""
    return email.strip().casefold()


def normalised_phone(phone: str) -> str | None:
    """A telephone number as E.164 (`+49…`), read as a German one when it has no country; None when it is none."""
    try:
        number = phonenumbers.parse(phone, "DE")
    except phonenumbers.NumberParseException:
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def email_index(vault: Vault, email: str | None) -> bytes | None:
    """The blind index of a mail address, None without one."""
    return vault.blind_index(f"email:{normalised_email(email)}") if email else None


def phone_index(vault: Vault, phone: str | None) -> bytes | None:
    """The blind index of a telephone number, None without one that can be read."""
    number = normalised_phone(phone) if phone else None
    return vault.blind_index(f"phone:{number}") if number else None
