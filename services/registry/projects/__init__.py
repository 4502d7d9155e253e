"""Projects: what funders pay for, with a term, target regions and indicators."""
