-- The log (docs/FORMAT.md section 9): the entries and heads lists that recorders sign, the leaves that auditd makes of them
-- in order, and the checkpoints that it signs over the leaves.
create table gatetape.log_entry (
  leaf bytea not null,
  entry bytea not null,
  inserted_at timestamptz not null default now(),
  constraint log_entry_one_a_leaf primary key (leaf),
  constraint log_entry_sizes check (octet_length(leaf) = 32 and octet_length(entry) between 1 and 300)
);
comment on table gatetape.log_entry is 'Evidence: entries that recorders signed; auditd gives each of them its place in log_leaf.';
comment on column gatetape.log_entry.leaf is 'Leaf hash of the entry.';
comment on column gatetape.log_entry.entry is 'The entry, docs/FORMAT.md section 9.1.';
comment on column gatetape.log_entry.inserted_at is 'When its transaction began, by the clock of the database.';
create index log_entry_by_time on gatetape.log_entry (inserted_at);

create table gatetape.heads (
  at timestamptz not null,
  leaf bytea not null,
  list bytea not null,
  constraint heads_one_a_leaf primary key (at, leaf),
  constraint heads_leaf_is_sha256 check (octet_length(leaf) = 32)
) partition by range (at);
-- Hashes do not get smaller, and PostgreSQL would try for most of the time that a long list takes.
alter table gatetape.heads alter column list set storage external;
comment on table gatetape.heads is 'Evidence: the heads lists whose roots are entries of the log.';
comment on column gatetape.heads.at is 'Time of the entry, in microseconds.';
comment on column gatetape.heads.leaf is 'Leaf hash of the entry.';
comment on column gatetape.heads.list is 'The list, docs/FORMAT.md section 9.2.';

create table gatetape.session_heads (
  session_id uuid not null,
  state text not null,
  at timestamptz not null,
  leaf bytea not null,
  constraint session_heads_two_a_session primary key (session_id, state),
  constraint session_heads_state_is_known check (state in ('open', 'close')),
  constraint session_heads_leaf_is_sha256 check (octet_length(leaf) = 32)
) partition by range (session_id);
comment on table gatetape.session_heads is 'Derived from heads: which list has the open line of a session, and which the close line.';
comment on column gatetape.session_heads.session_id is 'The session.';
comment on column gatetape.session_heads.state is 'open or close.';
comment on column gatetape.session_heads.at is 'heads.at of the list.';
comment on column gatetape.session_heads.leaf is 'heads.leaf of the list.';

create table gatetape.log_leaf (
  leaf_index bigint not null,
  leaf bytea not null,
  entry bytea not null,
  epoch bigint not null,
  constraint log_leaf_fences_one_sequencer primary key (leaf_index),
  constraint log_leaf_once unique (leaf),
  constraint log_leaf_sizes check (leaf_index >= 0 and epoch > 0 and octet_length(leaf) = 32
    and octet_length(entry) between 1 and 300)
);
comment on table gatetape.log_leaf is 'Evidence: the leaves of the log, in order.';
comment on column gatetape.log_leaf.leaf_index is 'Index of the leaf, from 0 without a hole.';
comment on column gatetape.log_leaf.leaf is 'Leaf hash of the entry.';
comment on column gatetape.log_leaf.entry is 'The entry, docs/FORMAT.md section 9.1.';
comment on column gatetape.log_leaf.epoch is 'Epoch of the sequencer that gave the index.';

-- Whoever verifies a signature looks for the entry that registers its key.
create index log_leaf_keys on gatetape.log_leaf (leaf_index)
  where substring(entry from 1 for 26) = '\x6761746574617065206c6f6720656e7472792076310a6b65790a';

create table gatetape.log_node (
  level smallint not null,
  node_index bigint not null,
  hash bytea not null,
  constraint log_node_one_a_subtree primary key (level, node_index),
  constraint log_node_sizes check (level between 1 and 7 and node_index >= 0 and octet_length(hash) = 32)
);
comment on table gatetape.log_node is 'Derived from log_leaf: the roots of its complete subtrees of 256, 256^2 ... leaves.';
comment on column gatetape.log_node.level is 'The subtree has 256^level leaves.';
comment on column gatetape.log_node.node_index is 'It begins at leaf node_index * 256^level.';
comment on column gatetape.log_node.hash is 'Root of the subtree.';

create table gatetape.checkpoint (
  n bigint not null,
  size bigint not null,
  at timestamptz not null default now(),
  epoch bigint not null,
  note bytea not null,
  constraint checkpoint_one_a_number primary key (n),
  constraint checkpoint_sizes check (n > 0 and size >= 0 and epoch > 0 and octet_length(note) between 1 and 131072)
);
comment on table gatetape.checkpoint is 'Evidence: the checkpoints that the log key signed, and again those that witnesses cosigned.';
comment on column gatetape.checkpoint.n is '1, 2, 3 ... in the order in which they were stored.';
comment on column gatetape.checkpoint.size is 'Number of leaves.';
comment on column gatetape.checkpoint.at is 'When, by the clock of the database.';
comment on column gatetape.checkpoint.epoch is 'Epoch of the sequencer.';
comment on column gatetape.checkpoint.note is 'The signed note, docs/FORMAT.md section 9.5.';

do $$
declare
  name text;
begin
  foreach name in array array['log_entry', 'heads', 'session_heads', 'log_leaf', 'log_node', 'checkpoint'] loop
    execute format('create trigger %I before update or delete on gatetape.%I for each row
      execute function gatetape.deny()', name || '_is_append_only', name);
    execute format('create trigger %I before truncate on gatetape.%I for each statement
      execute function gatetape.deny()', name || '_is_never_emptied', name);
  end loop;
end $$;

create or replace function gatetape.add_partitions(from_at timestamptz, to_at timestamptz) returns integer
  language plpgsql set search_path = pg_catalog, pg_temp set lock_timeout = '1s' set timezone = 'UTC' as
$$
declare
  parent text;
  part text;
  key text;
  bounds text[];
  made integer := 0;
  taken boolean;
  day timestamptz := date_trunc('day', from_at at time zone 'UTC') at time zone 'UTC';
begin
  if not pg_try_advisory_xact_lock(x'70617274'::int) then
    return 0;  -- somebody else is at it
  end if;
  while day < to_at loop
    foreach parent in array array['frames', 'session_key', 'head', 'session', 'session_end', 'channel', 'event',
        'session_heads', 'heads'] loop
      part := parent || to_char(day at time zone 'UTC', '"_p"YYYYMMDD');
      continue when to_regclass('gatetape.' || part) is not null;
      if parent = 'heads' then
        key := 'at';
        bounds := array[day::text, (day + '1 day')::text];
      else
        key := 'session_id';
        bounds := array[gatetape.uuid7_floor(day)::text, gatetape.uuid7_floor(day + '1 day')::text];
      end if;
      -- Rows of that day that are in the default partition already keep the day there.
      execute format('select exists (select from gatetape.%I where %I >= %L and %I < %L)',
        parent || '_default', key, bounds[1], key, bounds[2]) into taken;
      continue when taken;
      perform gatetape.add_partition(parent, part, format('for values from (%L) to (%L)', bounds[1], bounds[2]));
      made := made + 1;
    end loop;
    day := day + '1 day';
  end loop;
  return made;
end $$;

select gatetape.add_partition('heads', 'heads_default', 'default');
select gatetape.add_partition('session_heads', 'session_heads_default', 'default');
select gatetape.keep_partitions();

do $$
begin
  if not exists (select from pg_roles where rolname = 'gatetape_sealer') then
    create role gatetape_sealer login;
  end if;
end $$;
alter role gatetape_sealer set synchronous_commit = on;
comment on role gatetape_sealer is 'gatetape-auditd as sequencer: may add leaves, their nodes and checkpoints to the log.';

grant usage on schema gatetape to gatetape_sealer;
grant insert on gatetape.log_entry, gatetape.heads, gatetape.session_heads to gatetape_recorder;
-- Each INSERT of the recorder returns tableoid, so that a view in the place of a table is noticed.
grant select (tableoid) on gatetape.log_entry, gatetape.heads, gatetape.session_heads to gatetape_recorder;
grant select on gatetape.log_leaf, gatetape.log_node, gatetape.checkpoint to gatetape_recorder;
grant insert on gatetape.log_leaf, gatetape.log_node, gatetape.checkpoint to gatetape_sealer;
grant select on gatetape.log_entry, gatetape.log_leaf, gatetape.log_node, gatetape.checkpoint to gatetape_sealer;
grant select on gatetape.log_entry, gatetape.heads, gatetape.session_heads, gatetape.log_leaf, gatetape.log_node,
  gatetape.checkpoint to gatetape_auditd;
