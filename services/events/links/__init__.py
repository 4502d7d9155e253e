"""Links: the pages that who registered opens from a mail, each for one purpose."""
