-- Spent sets, tallies, outcome counts and the change log. spec/store.md, section 3, is the same in prose.
--
-- What a commit writes is led by `part`, the partition key, and `part` is in each of its keys: so the tables can be distributed
-- by it (distribute.sql). Numbers that are u32 in Rust are bigint here, which holds them all.

COMMENT ON SCHEMA tacita IS 'The durable state of Tacita''s collectors. Made and read by Tacita alone.';
COMMENT ON TABLE tacita.migration IS 'The migrations that were run.';
COMMENT ON COLUMN tacita.migration.number IS 'The number of the migration; the greatest one is the version of this schema.';
COMMENT ON COLUMN tacita.migration.run_at IS 'When it was run.';

CREATE TABLE tacita.epoch (
    epoch bigint PRIMARY KEY,
    dropped boolean NOT NULL
);
COMMENT ON TABLE tacita.epoch IS 'The epochs that were ever written to, or dropped. Rows are never removed: a number is never used again.';
COMMENT ON COLUMN tacita.epoch.epoch IS 'The number of the epoch.';
COMMENT ON COLUMN tacita.epoch.dropped IS 'Whether what was spent in it has been forgotten; nothing of it may count any more.';

-- No column stands behind a shorter one: rows without padding. The key is led by the partition key, as the hint asks by it, and a
-- commit's nullifiers stand side by side.
CREATE TABLE tacita.spent (
    part bigint NOT NULL,
    epoch bigint NOT NULL,
    fingerprint bigint NOT NULL,
    nullifier uuid NOT NULL,
    PRIMARY KEY (part, nullifier, epoch)
) PARTITION BY LIST (epoch);
COMMENT ON TABLE tacita.spent IS 'The spent nullifiers. One partition for each epoch, spent_<epoch>, which is dropped whole.';
COMMENT ON COLUMN tacita.spent.part IS 'The partition key: publisher × 256 + lane.';
COMMENT ON COLUMN tacita.spent.epoch IS 'The epoch of the token.';
COMMENT ON COLUMN tacita.spent.fingerprint IS 'The 8 bytes, big-endian, that tell the same report sent again from a token spent twice.';
COMMENT ON COLUMN tacita.spent.nullifier IS 'The 16 bytes that make the token spendable once.';

-- Each commit updates its rows where they stand, and room in the pages keeps the index out of it.
CREATE TABLE tacita.tally (
    part bigint NOT NULL,
    measure bigint NOT NULL,
    window_id bigint NOT NULL,
    slot smallint NOT NULL,
    reports bigint NOT NULL,
    counts bigint[] NOT NULL,
    PRIMARY KEY (measure, window_id, part, slot)
) WITH (fillfactor = 50);
COMMENT ON TABLE tacita.tally IS 'For each series, its reports and its counters 0 to 63: the sum over lanes and slots.';
COMMENT ON COLUMN tacita.tally.part IS 'The partition key: publisher × 256 + lane.';
COMMENT ON COLUMN tacita.tally.measure IS 'The measure.';
COMMENT ON COLUMN tacita.tally.window_id IS 'The window of the measure.';
COMMENT ON COLUMN tacita.tally.slot IS 'Which of the rows that concurrent commits spread over, so that they do not wait for each other.';
COMMENT ON COLUMN tacita.tally.reports IS 'How many reports.';
COMMENT ON COLUMN tacita.tally.counts IS 'Counter i is element i + 1 of 64.';

CREATE TABLE tacita.far_tally (
    part bigint NOT NULL,
    measure bigint NOT NULL,
    window_id bigint NOT NULL,
    counter bigint NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (measure, window_id, part, counter)
) WITH (fillfactor = 80);
COMMENT ON TABLE tacita.far_tally IS 'For each series, its counters from 64 on that are not zero: the sum over lanes.';
COMMENT ON COLUMN tacita.far_tally.part IS 'The partition key: publisher × 256 + lane.';
COMMENT ON COLUMN tacita.far_tally.measure IS 'The measure.';
COMMENT ON COLUMN tacita.far_tally.window_id IS 'The window of the measure.';
COMMENT ON COLUMN tacita.far_tally.counter IS 'The index of the counter, 64 or more.';
COMMENT ON COLUMN tacita.far_tally.count IS 'The counter.';

CREATE TABLE tacita.outcome (
    part bigint NOT NULL,
    slot smallint NOT NULL,
    outcome smallint NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (part, slot, outcome)
) WITH (fillfactor = 50);
COMMENT ON TABLE tacita.outcome IS 'For each publisher, how many reports had which outcome: the sum over lanes and slots.';
COMMENT ON COLUMN tacita.outcome.part IS 'The partition key: publisher × 256 + lane.';
COMMENT ON COLUMN tacita.outcome.slot IS 'Which of the rows that concurrent commits spread over, so that they do not wait for each other.';
COMMENT ON COLUMN tacita.outcome.outcome IS 'The outcome''s number on the wire (proto/tacita/v1).';
COMMENT ON COLUMN tacita.outcome.count IS 'How many.';

CREATE TABLE tacita.change_log (
    index bigint PRIMARY KEY,
    entry bytea NOT NULL
);
COMMENT ON TABLE tacita.change_log IS 'The changes to the catalogue, in the one order in which they were made. Append-only.';
COMMENT ON COLUMN tacita.change_log.index IS 'The place of the entry: 0, 1, … without a gap.';
COMMENT ON COLUMN tacita.change_log.entry IS 'The entry, in the collector''s own encoding.';

CREATE FUNCTION tacita.add_counts(_left bigint[], _right bigint[]) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN ARRAY(SELECT l + r FROM unnest(_left, _right) AS pairs (l, r));
END $$;
COMMENT ON FUNCTION tacita.add_counts IS 'The sum of two arrays of the same length, element by element.';

CREATE FUNCTION tacita.slot() RETURNS smallint
LANGUAGE sql STABLE AS $$ SELECT (pg_backend_pid() % 4)::smallint $$;
COMMENT ON FUNCTION tacita.slot IS 'The slot of this connection. Two that share one wait for each other at times, and no more than that.';

-- One look into the key for each nullifier, whatever the planner believes of a table that is never analyzed: a join would be free to
-- read all of the part instead.
CREATE FUNCTION tacita.held(_part bigint, _epoch bigint, _nullifiers uuid[]) RETURNS bigint[]
LANGUAGE plpgsql AS $$
BEGIN
    RETURN ARRAY(
        SELECT (SELECT s.fingerprint FROM tacita.spent s
                WHERE s.part = _part AND s.nullifier = asked.n AND s.epoch = _epoch)
        FROM unnest(_nullifiers) WITH ORDINALITY AS asked (n, place)
        ORDER BY asked.place);
END $$;
COMMENT ON FUNCTION tacita.held IS 'The fingerprint of each nullifier that is spent, NULL for the others, in order.';

CREATE FUNCTION tacita.spent_before(_part bigint, _epoch bigint, _nullifiers uuid[]) RETURNS bigint[]
LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT e.dropped FROM tacita.epoch e WHERE e.epoch = _epoch) THEN
        RAISE EXCEPTION 'epoch % was dropped', _epoch USING ERRCODE = 'TA002';
    END IF;
    RETURN tacita.held(_part, _epoch, _nullifiers);
END $$;
COMMENT ON FUNCTION tacita.spent_before IS 'The hint: tacita.held, unless the epoch was dropped.';

-- Spends and tallies. Entries come sorted by nullifier, those with the same one in the order of their arrival: so all commits take
-- their locks in one order, first those of nullifiers, then those of counters, each rising, and none waits in a circle.
--
-- The caller has folded the counters as if every entry counted (`_reports`, `_counts`). That is nearly always so; if not, they are
-- folded here anew from the entries that do count.
CREATE FUNCTION tacita.commit_reports(
    _part bigint,
    _epoch bigint,
    _nullifiers uuid[],       -- by entry
    _fingerprints bigint[],   -- by entry
    _series integer[],        -- by entry: the place of its series in the arrays below
    _masks bigint[],          -- by entry: bit i is set if counter i rises
    _far_entries integer[],   -- for each rise of a counter from 64 on: the entry,
    _far_series integer[],    -- its series
    _far_counters bigint[],   -- and the counter
    _measures bigint[],       -- by series, which come by rising (measure, window)
    _windows bigint[],        -- by series
    _reports bigint[],        -- by series, if every entry counts
    _counts bigint[]          -- 64 for each series, if every entry counts
) RETURNS smallint[]
LANGUAGE plpgsql AS $$
DECLARE
    _size CONSTANT integer := cardinality(_nullifiers);
    _slot CONSTANT smallint := tacita.slot();
    _outcomes CONSTANT smallint[] := ARRAY[2, 3, 10];   -- the verdicts' numbers on the wire
    _dropped boolean;
    _nullifier uuid;
    _fresh uuid[] := '{}';
    _held bigint[];
    _verdicts smallint[];     -- 0 counted, 1 already counted, 2 spent; NULL: all counted
    _totals bigint[] := ARRAY[0, 0, 0];
    _next integer := 1;
    _verdict smallint;
BEGIN
    SELECT e.dropped INTO _dropped FROM tacita.epoch e WHERE e.epoch = _epoch;
    IF _dropped IS NULL THEN
        RAISE EXCEPTION 'epoch % is not open yet', _epoch USING ERRCODE = 'TA001';
    ELSIF _dropped THEN
        RAISE EXCEPTION 'epoch % was dropped', _epoch USING ERRCODE = 'TA002';
    END IF;

    FOR _nullifier IN
        INSERT INTO tacita.spent (part, epoch, fingerprint, nullifier)
        SELECT _part, _epoch, entries.f, entries.n FROM unnest(_fingerprints, _nullifiers) AS entries (f, n)
        ON CONFLICT DO NOTHING
        RETURNING nullifier
    LOOP
        _fresh := _fresh || _nullifier;
    END LOOP;
    _totals[1] := cardinality(_fresh);

    IF _totals[1] < _size THEN
        -- Not one statement with the insertion: what another commit has spent meanwhile is visible only now.
        _held := tacita.held(_part, _epoch, _nullifiers);
        -- `_fresh` is sorted as the entries are. Of equal nullifiers the first one was inserted.
        FOR _entry IN 1.._size LOOP
            IF _nullifiers[_entry] = _fresh[_next] THEN
                _verdict := 0;
                _next := _next + 1;
            ELSE
                _verdict := CASE WHEN _held[_entry] = _fingerprints[_entry] THEN 1 ELSE 2 END;
                _totals[_verdict + 1] := _totals[_verdict + 1] + 1;
            END IF;
            _verdicts[_entry] := _verdict;
        END LOOP;

        SELECT array_agg(folded.reports ORDER BY folded.place) INTO _reports
        FROM (
            SELECT entries.s AS place, count(*) FILTER (WHERE entries.v = 0) AS reports
            FROM unnest(_series, _verdicts) AS entries (s, v)
            GROUP BY entries.s
        ) AS folded;
        SELECT array_agg(folded.count ORDER BY folded.place, folded.bit) INTO _counts
        FROM (
            SELECT entries.s AS place, bits.bit,
                   count(*) FILTER (WHERE entries.v = 0 AND (entries.m >> bits.bit) & 1 = 1) AS count
            FROM unnest(_series, _masks, _verdicts) AS entries (s, m, v) CROSS JOIN generate_series(0, 63) AS bits (bit)
            GROUP BY entries.s, bits.bit
        ) AS folded;
    END IF;

    FOR _place IN 1..cardinality(_measures) LOOP
        CONTINUE WHEN _reports[_place] = 0;
        INSERT INTO tacita.tally AS t (part, measure, window_id, slot, reports, counts)
        VALUES (_part, _measures[_place], _windows[_place], _slot, _reports[_place],
                _counts[64 * _place - 63 : 64 * _place])
        ON CONFLICT (measure, window_id, part, slot) DO UPDATE
        SET reports = t.reports + excluded.reports, counts = tacita.add_counts(t.counts, excluded.counts);
    END LOOP;

    IF cardinality(_far_entries) > 0 AND _totals[1] > 0 THEN
        INSERT INTO tacita.far_tally AS t (part, measure, window_id, counter, count)
        SELECT _part, _measures[rises.s], _windows[rises.s], rises.c, count(*)
        FROM unnest(_far_entries, _far_series, _far_counters) AS rises (e, s, c)
        WHERE _verdicts IS NULL OR _verdicts[rises.e] = 0
        GROUP BY rises.s, rises.c
        ORDER BY rises.s, rises.c
        ON CONFLICT (measure, window_id, part, counter) DO UPDATE SET count = t.count + excluded.count;
    END IF;

    FOR _verdict IN 0..2 LOOP
        CONTINUE WHEN _totals[_verdict + 1] = 0;
        INSERT INTO tacita.outcome AS o (part, slot, outcome, count)
        VALUES (_part, _slot, _outcomes[_verdict + 1], _totals[_verdict + 1])
        ON CONFLICT (part, slot, outcome) DO UPDATE SET count = o.count + excluded.count;
    END LOOP;
    RETURN _verdicts;
END $$;
COMMENT ON FUNCTION tacita.commit_reports IS
    'Spends and tallies in one transaction. Answers for each entry 0 (counted), 1 (already counted), 2 (spent), or NULL if all count.';

CREATE FUNCTION tacita.add_outcomes(_part bigint, _outcomes smallint[], _added bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    _slot CONSTANT smallint := tacita.slot();
BEGIN
    FOR _place IN 1..cardinality(_outcomes) LOOP
        INSERT INTO tacita.outcome AS o (part, slot, outcome, count)
        VALUES (_part, _slot, _outcomes[_place], _added[_place])
        ON CONFLICT (part, slot, outcome) DO UPDATE SET count = o.count + excluded.count;
    END LOOP;
END $$;
COMMENT ON FUNCTION tacita.add_outcomes IS 'Adds to outcome counts. Outcomes come rising and distinct.';

-- Opening and dropping take the epoch's row first: of two callers one waits for the other. Dropping then waits for the commits that
-- are at work, and those that come meanwhile wait for it and find the epoch dropped.
CREATE FUNCTION tacita.open_epoch(_epoch bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tacita.epoch (epoch, dropped) VALUES (_epoch, false) ON CONFLICT (epoch) DO NOTHING;
    IF (SELECT e.dropped FROM tacita.epoch e WHERE e.epoch = _epoch) THEN
        RAISE EXCEPTION 'epoch % was dropped', _epoch USING ERRCODE = 'TA002';
    END IF;
    IF to_regclass('tacita.spent_' || _epoch) IS NULL THEN
        -- Never vacuumed for its own sake: rows are only added, and then the table goes.
        EXECUTE format('CREATE TABLE tacita.%I PARTITION OF tacita.spent FOR VALUES IN (%s) '
                       'WITH (autovacuum_vacuum_insert_threshold = -1)', 'spent_' || _epoch, _epoch);
    END IF;
END $$;
COMMENT ON FUNCTION tacita.open_epoch IS 'Makes the partition that an epoch is spent in.';

CREATE FUNCTION tacita.drop_epoch(_epoch bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tacita.epoch (epoch, dropped) VALUES (_epoch, true) ON CONFLICT (epoch) DO UPDATE SET dropped = true;
    IF to_regclass('tacita.spent_' || _epoch) IS NOT NULL THEN
        EXECUTE format('DROP TABLE tacita.%I', 'spent_' || _epoch);
    END IF;
END $$;
COMMENT ON FUNCTION tacita.drop_epoch IS 'Remembers that an epoch was dropped, and drops its partition.';
