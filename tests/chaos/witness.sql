-- What the harness sees of a service's reactions without asking the service: each fact noted as heard, in the order of
-- hearing, and each time that an effect was run on the copies of keys and grants (a repeated one too, which the copies
-- themselves would swallow). Effects that were rolled back leave nothing here either.
CREATE TABLE chaos_heard (id bigserial PRIMARY KEY, fact_id uuid, speaker text, number bigint);
CREATE TABLE chaos_effect (id bigserial PRIMARY KEY, effect text, about uuid);

CREATE FUNCTION chaos_note_heard() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO chaos_heard (fact_id, speaker, number) VALUES (NEW.fact_id, NEW.speaker, NEW.number);
    RETURN NEW;
END $$;
CREATE TRIGGER chaos_heard AFTER INSERT ON inbox FOR EACH ROW EXECUTE FUNCTION chaos_note_heard();

CREATE FUNCTION chaos_note_effect() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO chaos_effect (effect, about)
    VALUES (TG_ARGV[0], (to_jsonb(NEW) ->> TG_ARGV[1])::uuid);
    RETURN NEW;
END $$;
-- BEFORE INSERT also fires for a row that ON CONFLICT DO NOTHING then leaves out.
CREATE TRIGGER chaos_given BEFORE INSERT ON known_grant
    FOR EACH ROW EXECUTE FUNCTION chaos_note_effect('grant given', 'grant_id');
CREATE TRIGGER chaos_withdrawn AFTER UPDATE ON known_grant
    FOR EACH ROW EXECUTE FUNCTION chaos_note_effect('grant withdrawn', 'grant_id');
CREATE TRIGGER chaos_issued BEFORE INSERT ON known_key
    FOR EACH ROW EXECUTE FUNCTION chaos_note_effect('key issued', 'key_id');
CREATE TRIGGER chaos_revoked AFTER UPDATE ON known_key
    FOR EACH ROW EXECUTE FUNCTION chaos_note_effect('key revoked', 'key_id');

-- In which transactions due work was set and taken away, and which aggregates were announced about in them.
CREATE TABLE chaos_due (id bigserial PRIMARY KEY, xid xid8, change text, kind text, about uuid);
CREATE TABLE chaos_told (id bigserial PRIMARY KEY, xid xid8, about text);
CREATE FUNCTION chaos_note_due() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO chaos_due (xid, change, kind, about)
    VALUES (pg_current_xact_id(), TG_OP, coalesce(NEW.kind, OLD.kind), coalesce(NEW.about, OLD.about));
    RETURN NULL;
END $$;
CREATE TRIGGER chaos_due AFTER INSERT OR DELETE ON due FOR EACH ROW EXECUTE FUNCTION chaos_note_due();
CREATE FUNCTION chaos_note_told() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO chaos_told (xid, about) VALUES (pg_current_xact_id(), NEW.about);
    RETURN NULL;
END $$;
CREATE TRIGGER chaos_told AFTER INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION chaos_note_told();

-- A slow disk: one commit in twelve that announces something takes a tenth of a second longer, so that facts become
-- visible in another order than that of their ids.
CREATE FUNCTION chaos_commit_late() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF random() < 0.08 THEN PERFORM pg_sleep(0.1); END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER chaos_commit_late AFTER INSERT ON outbox DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION chaos_commit_late();
