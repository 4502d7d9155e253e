"""Series: rules by which events repeat, with their exceptions."""
