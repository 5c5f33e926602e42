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

create table gatetape.session_key (
  session_id uuid not null,
  commit_key bytea not null,
  constraint session_key_one_a_session primary key (session_id),
  constraint session_key_is_32_bytes check (octet_length(commit_key) = 32)
) partition by range (session_id);
comment on table gatetape.session_key is 'Evidence: the key of the payload commitments, apart so that it can be erased alone.';

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

create table gatetape.channel (
  session_id uuid not null,
  channel integer not null,
  opened_seq bigint not null,
  type text not null,
  constraint channel_one_row primary key (session_id, channel)
) partition by range (session_id);
comment on table gatetape.channel is 'Derived from channel_open frames.';

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
comment on column gatetape.event.name is 'The kind''s name, or for requests the SSH request name: exec, shell, env ...';
comment on column gatetape.event.text is 'What people search: the command of exec, NAME=value of env, the reason of a denial ...; printable.';
