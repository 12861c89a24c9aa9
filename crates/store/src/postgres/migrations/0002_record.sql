-- The record: outcome counts by period. spec/transparency.md, section 1, says what it is for.
--
-- Outcome counts stay what they were, totals since the store was made, and a commit writes no more than before. A period is closed under
-- a lock that no commit shares: what the totals have grown by since the period before is what was counted in it. The first period of a
-- database that was in use before has all that was counted until then.

CREATE TABLE tacita.period (
    period bigint PRIMARY KEY,
    closed_at bigint NOT NULL
);
COMMENT ON TABLE tacita.period IS 'The periods that are closed: 0, 1, … without a gap. The one after the last is open. Append-only.';
COMMENT ON COLUMN tacita.period.period IS 'The number of the period.';
COMMENT ON COLUMN tacita.period.closed_at IS 'When it was closed, by the clock of the collector that did: seconds since 1970.';

CREATE TABLE tacita.record (
    publisher bigint NOT NULL,
    period bigint NOT NULL,
    outcomes smallint[] NOT NULL,
    counts bigint[] NOT NULL,
    totals bigint[] NOT NULL,
    PRIMARY KEY (publisher, period)
);
COMMENT ON TABLE tacita.record IS 'What became of a publisher''s reports in a closed period, if there were any. Append-only.';
COMMENT ON COLUMN tacita.record.publisher IS 'The publisher.';
COMMENT ON COLUMN tacita.record.period IS 'The period.';
COMMENT ON COLUMN tacita.record.outcomes IS 'The outcomes'' numbers on the wire (proto/tacita/v1), rising.';
COMMENT ON COLUMN tacita.record.counts IS 'For each of them, how many reports in this period.';
COMMENT ON COLUMN tacita.record.totals IS 'For each of them, how many until the end of this period.';

DROP FUNCTION tacita.commit_reports(bigint, bigint, uuid[], bigint[], integer[], bigint[], integer[], integer[], bigint[], bigint[], bigint[], bigint[], bigint[]);
DROP FUNCTION tacita.add_outcomes(bigint, smallint[], bigint[]);

-- Spends and tallies. Entries come sorted by nullifier, those with the same one in the order of their arrival: so all commits take
-- their locks in one order, first those of nullifiers, then those of counters, each rising, and none waits in a circle.
--
-- The caller has folded the counters as if every entry counted (`_reports`, `_counts`). That is nearly always so; if not, they are
-- folded here anew from the entries that do count.
--
-- The period is read after the outcome counts were raised: from then until the end of the transaction no period can be closed
-- (tacita.close_period), so the one that is read is the one that they are counted in.
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
) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE
    _size CONSTANT integer := cardinality(_nullifiers);
    _slot CONSTANT smallint := tacita.slot();
    _outcomes CONSTANT smallint[] := ARRAY[2, 3, 10];   -- the verdicts' numbers on the wire
    _dropped boolean;
    _nullifier uuid;
    _fresh uuid[] := '{}';
    _held bigint[];
    _verdicts bigint[];       -- 0 counted, 1 already counted, 2 spent; NULL: all counted
    _totals bigint[] := ARRAY[0, 0, 0];
    _next integer := 1;
    _verdict integer;
    _period bigint;
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
    SELECT coalesce(max(p.period) + 1, 0) INTO _period FROM tacita.period p;
    RETURN _period || _verdicts;
END $$;
COMMENT ON FUNCTION tacita.commit_reports IS
    'Spends and tallies in one transaction. Answers the period, then for each entry 0 (counted), 1 (already counted), 2 (spent), or no more if all count.';

CREATE FUNCTION tacita.add_outcomes(_part bigint, _outcomes smallint[], _added bigint[]) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    _slot CONSTANT smallint := tacita.slot();
    _period bigint;
BEGIN
    FOR _place IN 1..cardinality(_outcomes) LOOP
        INSERT INTO tacita.outcome AS o (part, slot, outcome, count)
        VALUES (_part, _slot, _outcomes[_place], _added[_place])
        ON CONFLICT (part, slot, outcome) DO UPDATE SET count = o.count + excluded.count;
    END LOOP;
    SELECT coalesce(max(p.period) + 1, 0) INTO _period FROM tacita.period p;
    RETURN _period;
END $$;
COMMENT ON FUNCTION tacita.add_outcomes IS 'Adds to outcome counts; answers the period. Outcomes come rising and distinct.';

-- Whoever raises outcome counts holds a lock on their table until its transaction ends. The lock taken here waits for all of those and
-- lets no other in: the totals that are read then are those of whole commits, and commits that come after find the next period. It waits
-- 3 s at most, as commits wait behind it, and is tried again.
CREATE FUNCTION tacita.close_period(_period bigint, _at bigint) RETURNS void
LANGUAGE plpgsql
SET lock_timeout = '3s' AS $$
DECLARE
    _publisher bigint;
    _outcomes smallint[];
    _totals bigint[];
    _last record;
BEGIN
    LOCK TABLE tacita.outcome IN SHARE ROW EXCLUSIVE MODE;
    -- Another collector was first.
    IF _period IS DISTINCT FROM (SELECT coalesce(max(p.period) + 1, 0) FROM tacita.period p) THEN
        RETURN;
    END IF;
    FOR _publisher, _outcomes, _totals IN
        SELECT sums.publisher, array_agg(sums.outcome ORDER BY sums.outcome), array_agg(sums.total ORDER BY sums.outcome)
        FROM (
            SELECT o.part / 256 AS publisher, o.outcome, sum(o.count)::bigint AS total FROM tacita.outcome o GROUP BY 1, 2
        ) AS sums
        GROUP BY sums.publisher
        ORDER BY sums.publisher
    LOOP
        SELECT r.outcomes, r.totals INTO _last FROM tacita.record r
        WHERE r.publisher = _publisher ORDER BY r.period DESC LIMIT 1;
        CONTINUE WHEN _last.outcomes = _outcomes AND _last.totals = _totals;
        INSERT INTO tacita.record (publisher, period, outcomes, counts, totals)
        VALUES (_publisher, _period, _outcomes, ARRAY(
            SELECT grown.total - coalesce(_last.totals[array_position(_last.outcomes, grown.outcome)], 0)
            FROM unnest(_outcomes, _totals) WITH ORDINALITY AS grown (outcome, total, place)
            ORDER BY grown.place
        ), _totals);
    END LOOP;
    INSERT INTO tacita.period (period, closed_at) VALUES (_period, _at);
END $$;
COMMENT ON FUNCTION tacita.close_period IS 'Closes the open period if it has this number, and writes down what was counted in it.';
