-- What `tacita store init --distributed` adds: the same tables and functions, spread by their partition key. Needs Citus.
-- Nothing here is done twice: what is distributed already is left as it is.

SELECT create_reference_table(name) FROM (VALUES
    ('tacita.migration'::regclass), ('tacita.epoch'), ('tacita.change_log'), ('tacita.period'), ('tacita.record')
) AS tables (name)
WHERE NOT EXISTS (SELECT FROM pg_dist_partition d WHERE d.logicalrelid = name);

SELECT create_distributed_table('tacita.spent', 'part')
WHERE NOT EXISTS (SELECT FROM pg_dist_partition d WHERE d.logicalrelid = 'tacita.spent'::regclass);

SELECT create_distributed_table(name, 'part', colocate_with => 'tacita.spent') FROM (VALUES
    ('tacita.tally'::regclass), ('tacita.far_tally'), ('tacita.outcome')
) AS tables (name)
WHERE NOT EXISTS (SELECT FROM pg_dist_partition d WHERE d.logicalrelid = name);

SELECT create_distributed_function('tacita.add_counts(bigint[], bigint[])');
SELECT create_distributed_function('tacita.slot()');
SELECT create_distributed_function('tacita.held(bigint, bigint, uuid[])');
SELECT create_distributed_function(
    'tacita.spent_before(bigint, bigint, uuid[])',
    distribution_arg_name := '_part', colocate_with := 'tacita.spent');
SELECT create_distributed_function(
    'tacita.commit_reports(bigint, bigint, uuid[], bigint[], integer[], bigint[], integer[], integer[], bigint[], bigint[], bigint[], bigint[], bigint[])',
    distribution_arg_name := '_part', colocate_with := 'tacita.spent');
SELECT create_distributed_function(
    'tacita.add_outcomes(bigint, smallint[], bigint[])',
    distribution_arg_name := '_part', colocate_with := 'tacita.spent');
