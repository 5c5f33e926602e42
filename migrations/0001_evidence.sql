create schema gatetape;
comment on schema gatetape is 'The record: evidence that nobody may change, and rows that are computed from it.';

create function gatetape.uuid7_floor(at timestamptz) returns uuid
  language sql immutable strict parallel safe as
$$ select (lpad(to_hex(floor(extract(epoch from at) * 1000)::bigint), 12, '0') || '70000000000000000000')::uuid $$;
comment on function gatetape.uuid7_floor is 'The smallest UUIDv7 of an instant: partition bounds and time ranges.';

create table gatetape.frames (
  session_id uuid not null,
  first_seq bigint not null,
  last_seq bigint not null,
  root bytea not null,
  bytes_in bigint not null,
  bytes_out bigint not null,
  codec smallint not null,
  raw_bytes integer not null,
  data bytea not null,
  constraint frames_fence_one_writer primary key (session_id, first_seq),
  constraint frames_are_contiguous check (first_seq > 0 and last_seq >= first_seq),
  constraint frames_root_is_sha256 check (octet_length(root) = 32),
  constraint frames_codec_is_known check (codec in (0, 1))
) partition by range (session_id);
comment on table gatetape.frames is 'Evidence: the frames of one session that one commit stored (docs/FORMAT.md section 6).';
comment on column gatetape.frames.session_id is 'The session; its UUIDv7 is partition key and would be distribution key.';
comment on column gatetape.frames.first_seq is 'seq of the first frame in data.';
comment on column gatetape.frames.last_seq is 'seq of the last frame in data.';
comment on column gatetape.frames.root is 'Merkle root over frames 1..last_seq.';
comment on column gatetape.frames.bytes_in is 'Stream bytes to the target in data.';
comment on column gatetape.frames.bytes_out is 'Stream bytes to the user in data, stderr included.';
comment on column gatetape.frames.codec is '0 plain, 1 zstd.';
comment on column gatetape.frames.raw_bytes is 'Size of data before compression.';
comment on column gatetape.frames.data is 'The frames, docs/FORMAT.md section 6.';

create table gatetape.session_key (
  session_id uuid not null,
  commit_key bytea not null,
  constraint session_key_one_a_session primary key (session_id),
  constraint session_key_is_32_bytes check (octet_length(commit_key) = 32)
) partition by range (session_id);
comment on table gatetape.session_key is 'Evidence: the key of the payload commitments, apart so that it can be erased alone.';
comment on column gatetape.session_key.session_id is 'The session.';
comment on column gatetape.session_key.commit_key is 'Key of HMAC-SHA-256 over each payload.';

create table gatetape.head (
  session_id uuid not null,
  size bigint not null,
  root bytea not null,
  gateway_key bytea not null,
  gateway_signature bytea not null,
  recorder_key bytea not null,
  recorder_signature bytea not null,
  constraint head_one_a_session primary key (session_id),
  constraint head_sizes check (octet_length(root) = 32 and octet_length(gateway_key) = 32
    and octet_length(gateway_signature) = 64 and octet_length(recorder_key) = 32
    and octet_length(recorder_signature) = 64)
) partition by range (session_id);
comment on table gatetape.head is 'Evidence: the final head of a closed session, signed by both (docs/FORMAT.md section 5).';
comment on column gatetape.head.session_id is 'The session.';
comment on column gatetape.head.size is 'Number of its frames.';
comment on column gatetape.head.root is 'Merkle root over all of them.';
comment on column gatetape.head.gateway_key is 'Ed25519 public key of the writer.';
comment on column gatetape.head.gateway_signature is 'The writers signature over the head.';
comment on column gatetape.head.recorder_key is 'Ed25519 public key of the recorder.';
comment on column gatetape.head.recorder_signature is 'The recorders signature over the head.';

create table gatetape.session (
  session_id uuid not null,
  kind text not null,
  user_name text not null,
  login text not null,
  target text not null,
  target_address text not null,
  source_ip inet,
  source_port integer,
  rule text not null,
  key_fingerprint text not null,
  gateway text not null,
  gateway_run uuid,
  started_at timestamptz not null,
  constraint session_one_row primary key (session_id),
  constraint session_kind_is_known check (kind in ('session', 'forward', 'system'))
) partition by range (session_id);
comment on table gatetape.session is 'Derived from frame 1 of each session (session_open, or start of a system session).';
comment on column gatetape.session.session_id is 'The session.';
comment on column gatetape.session.kind is 'session, forward or system.';
comment on column gatetape.session.user_name is 'The person, by credential.';
comment on column gatetape.session.login is 'Account on the target.';
comment on column gatetape.session.target is 'The targets name in the inventory, or its address.';
comment on column gatetape.session.target_address is 'Where it was reached.';
comment on column gatetape.session.source_ip is 'The clients address; null when there is none.';
comment on column gatetape.session.source_port is 'The clients port.';
comment on column gatetape.session.rule is 'Roles that allowed it.';
comment on column gatetape.session.key_fingerprint is 'SHA256:... of the key that authenticated the person.';
comment on column gatetape.session.gateway is 'Name of the gateway (or daemon) that wrote it.';
comment on column gatetape.session.gateway_run is 'That daemons system session.';
comment on column gatetape.session.started_at is 'When, by the writers clock.';

create table gatetape.session_end (
  session_id uuid not null,
  ended_at timestamptz not null,
  reason text not null,
  detail text not null,
  bytes_in bigint not null,
  bytes_out bigint not null,
  frames bigint not null,
  constraint session_end_one_row primary key (session_id)
) partition by range (session_id);
comment on table gatetape.session_end is 'Derived from the last frame of each session that ended in order (session_end, or stop).';
comment on column gatetape.session_end.session_id is 'The session.';
comment on column gatetape.session_end.ended_at is 'When, by the writers clock.';
comment on column gatetape.session_end.reason is 'Why it ended.';
comment on column gatetape.session_end.detail is 'More about why.';
comment on column gatetape.session_end.bytes_in is 'Stream bytes to the target.';
comment on column gatetape.session_end.bytes_out is 'Stream bytes to the user.';
comment on column gatetape.session_end.frames is 'Number of frames, the last one included.';

create table gatetape.channel (
  session_id uuid not null,
  channel integer not null,
  opened_seq bigint not null,
  type text not null,
  constraint channel_one_row primary key (session_id, channel)
) partition by range (session_id);
comment on table gatetape.channel is 'Derived from channel_open frames.';
comment on column gatetape.channel.session_id is 'The session.';
comment on column gatetape.channel.channel is 'The gateways number of the channel in the session.';
comment on column gatetape.channel.opened_seq is 'seq of its channel_open frame.';
comment on column gatetape.channel.type is 'SSH channel type.';

create table gatetape.event (
  session_id uuid not null,
  seq bigint not null,
  channel integer not null,
  kind smallint not null,
  offset_ns bigint not null,
  name text not null,
  text text not null,
  fields jsonb not null,
  constraint event_one_row primary key (session_id, seq)
) partition by range (session_id);
comment on table gatetape.event is 'Derived: each structured frame, typed, for queries.';
comment on column gatetape.event.session_id is 'The session.';
comment on column gatetape.event.seq is 'seq of the frame.';
comment on column gatetape.event.channel is 'Channel; 0 = the session itself.';
comment on column gatetape.event.kind is 'Number of the frame kind, docs/FORMAT.md section 2.';
comment on column gatetape.event.offset_ns is 'Nanoseconds since the session opened.';
comment on column gatetape.event.name is 'The kinds name, or for requests the SSH request name: exec, shell, env ...';
comment on column gatetape.event.text is 'What people search: the command of exec, NAME=value of env, the reason of a denial ...; printable.';
comment on column gatetape.event.fields is 'All fields; a value that is no text is {"base64": ...}.';

-- What ls and search ask for. Rows of the day are found by the partition.
create index session_by_start on gatetape.session (started_at desc);
create index session_by_user on gatetape.session (user_name, started_at desc);
create index session_by_target on gatetape.session (target, started_at desc);
create index session_by_source on gatetape.session (source_ip, started_at desc);
create index event_by_name on gatetape.event (name, session_id);

-- zstd did what it could; TOAST's own compression would cost the server most of its speed.
alter table gatetape.frames alter column data set storage external;

-- Append-only, for everybody who is no superuser.
create function gatetape.deny() returns trigger language plpgsql as
$$ begin
  raise exception 'append-only: % on % is refused', tg_op, tg_table_name using errcode = 'insufficient_privilege';
end $$;
comment on function gatetape.deny is 'Refuses UPDATE, DELETE and TRUNCATE of the record.';

do $$
declare
  name text;
begin
  foreach name in array array['frames', 'session_key', 'head', 'session', 'session_end', 'channel', 'event'] loop
    execute format('create trigger %I before update or delete on gatetape.%I for each row
      execute function gatetape.deny()', name || '_is_append_only', name);
    execute format('create trigger %I before truncate on gatetape.%I for each statement
      execute function gatetape.deny()', name || '_is_never_emptied', name);
  end loop;
end $$;

-- A partition is made apart and then attached: that locks the default partition, but neither readers nor
-- writers of the parent, so that recording never waits for it.
create function gatetape.add_partition(parent text, name text, bounds text) returns void
  language plpgsql set search_path = pg_catalog, pg_temp as
$$ begin
  execute format('create table gatetape.%I (like gatetape.%I including all)', name, parent);
  -- Row triggers come with attach; statement triggers do not.
  execute format('create trigger %I before truncate on gatetape.%I for each statement
    execute function gatetape.deny()', parent || '_is_never_emptied', name);
  execute format('alter table gatetape.%I attach partition gatetape.%I %s', parent, name, bounds);
end $$;
comment on function gatetape.add_partition is 'Makes and attaches one partition with all its guards.';
revoke execute on function gatetape.add_partition from public;

create function gatetape.add_partitions(from_at timestamptz, to_at timestamptz) returns integer
  language plpgsql set search_path = pg_catalog, pg_temp set lock_timeout = '1s' as
$$
declare
  parent text;
  part text;
  made integer := 0;
  taken boolean;
  day timestamptz := date_trunc('day', from_at at time zone 'UTC') at time zone 'UTC';
begin
  if not pg_try_advisory_xact_lock(x'70617274'::int) then
    return 0;  -- somebody else is at it
  end if;
  while day < to_at loop
    foreach parent in array array['frames', 'session_key', 'head', 'session', 'session_end', 'channel', 'event'] loop
      part := parent || to_char(day at time zone 'UTC', '"_p"YYYYMMDD');
      continue when to_regclass('gatetape.' || part) is not null;
      -- Rows of that day that are in the default partition already keep the day there.
      execute format('select exists (select from gatetape.%I where session_id >= $1 and session_id < $2)',
        parent || '_default') into taken using gatetape.uuid7_floor(day), gatetape.uuid7_floor(day + '1 day');
      continue when taken;
      perform gatetape.add_partition(parent, part, format('for values from (%L) to (%L)',
        gatetape.uuid7_floor(day), gatetape.uuid7_floor(day + '1 day')));
      made := made + 1;
    end loop;
    day := day + '1 day';
  end loop;
  return made;
end $$;
comment on function gatetape.add_partitions is
  'Makes the partitions of each UTC day of [from_at, to_at) that are missing; gives how many.';
revoke execute on function gatetape.add_partitions from public;

create function gatetape.keep_partitions() returns integer
  language sql security definer set search_path = pg_catalog, pg_temp as
$$ select gatetape.add_partitions(now() - interval '1 day', now() + interval '8 days') $$;
comment on function gatetape.keep_partitions is
  'Makes the partitions of yesterday and the week to come; the recorder calls it when it starts and daily.';
revoke execute on function gatetape.keep_partitions from public;

-- A missing day never stops the recording.
do $$
declare
  name text;
begin
  foreach name in array array['frames', 'session_key', 'head', 'session', 'session_end', 'channel', 'event'] loop
    perform gatetape.add_partition(name, name || '_default', 'default');
  end loop;
end $$;
select gatetape.keep_partitions();

do $$
declare
  name text;
begin
  foreach name in array array['gatetape_recorder', 'gatetape_auditd'] loop
    if not exists (select from pg_roles where rolname = name) then
      execute format('create role %I login', name);
    end if;
  end loop;
end $$;
alter role gatetape_recorder set synchronous_commit = on;
comment on role gatetape_recorder is 'gatetape-recorder: may add to the record and read what it needs to go on with a session.';
comment on role gatetape_auditd is 'gatetape-auditd: may read the record.';

grant usage on schema gatetape to gatetape_recorder, gatetape_auditd;
grant insert on gatetape.frames, gatetape.session_key, gatetape.head, gatetape.session, gatetape.session_end,
  gatetape.channel, gatetape.event to gatetape_recorder;
grant select on gatetape.frames, gatetape.session_key, gatetape.head, gatetape.session to gatetape_recorder;
grant execute on function gatetape.keep_partitions to gatetape_recorder;
grant select on gatetape.frames, gatetape.session_key, gatetape.head, gatetape.session, gatetape.session_end,
  gatetape.channel, gatetape.event to gatetape_auditd;
