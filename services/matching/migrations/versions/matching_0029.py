"""A mentor's own pause is kept beside being held back for somebody's safety, so that each ends by itself.

Since when mentors pause was not kept until now. Nobody makes up a day: who pauses goes on, with an empty one, which is
that of holding back once they are held back. Of who is held back already nobody knows whether they had paused before by
their own choice: they do not, as until now.
"""

import sqlalchemy as sa
from alembic import op

revision = "matching_0029"
down_revision = "matching_0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward; the version before leaves the new column alone."""
    op.add_column("mentor", sa.Column("paused_on", sa.Date(), nullable=True))
