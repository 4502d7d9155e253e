"""An event's registrations are counted where they change, in one step whatever their number."""

from alembic import op

revision = "events_0002"
down_revision = "events_0001"
branch_labels = None
depends_on = None

# What one registration counts, by its state; arrivals only rise, so that no two have one place in the order.
COUNT = """
CREATE FUNCTION lotse_count_registration() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    holding CONSTANT text[] := ARRAY['confirmed', 'offered', 'attended', 'no_show'];
    held int := (NEW.state = ANY (holding))::int;
    waits int := (NEW.state = 'waitlisted')::int;
    seats int := held * NEW.seats;
    childcare int := held * NEW.childcare;
    arrived int := 1;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        held := (OLD.state = ANY (holding))::int;
        seats := seats - held * OLD.seats;
        childcare := childcare - held * OLD.childcare;
        waits := waits - (OLD.state = 'waitlisted')::int;
        arrived := 0;
    END IF;
    IF seats <> 0 OR childcare <> 0 OR waits <> 0 OR arrived <> 0 THEN
        UPDATE event SET seats_taken = seats_taken + seats, childcare_taken = childcare_taken + childcare,
            waiting = waiting + waits, arrivals = arrivals + arrived WHERE id = NEW.event_id;
        IF NOT FOUND THEN
            RAISE insufficient_privilege USING MESSAGE = 'the list of this event is not open to this transaction';
        END IF;
    END IF;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    """Go forward; what has been counted so far stands."""
    op.execute(COUNT)
    op.execute("CREATE TRIGGER counted AFTER INSERT OR UPDATE OF state, seats, childcare ON registration"
               " FOR EACH ROW EXECUTE FUNCTION lotse_count_registration()")
