-- The record format, version 2 (docs/FORMAT.md): a commitment key for each frame, codecs of encrypted batches, and the
-- facts of a row's last frame as columns, so that a recorder that goes on with a session reads no data.
alter table gatetape.frames
  add column last_offset_ns bigint,
  add column last_kind smallint,
  drop constraint frames_codec_is_known,
  add constraint frames_codec_is_known check (codec in (0, 1, 16, 17)) not valid;

alter table gatetape.session_key
  alter column commit_key drop not null,
  add column format_version smallint not null default 1,
  add column wrapped bytea,
  add column key_check bytea,
  add constraint session_key_format_is_known check (format_version in (1, 2)),
  add constraint session_key_check_is_16_bytes check (octet_length(key_check) = 16);

-- A partition has comments of its own; new partitions copy those of the parent.
do $$
declare
  part regclass;
begin
  for part in select 'gatetape.frames'::regclass
      union all select inhrelid from pg_inherits where inhparent = 'gatetape.frames'::regclass loop
    execute format('comment on column %s.codec is %L', part, '0 plain, 1 zstd; 16 is added when data is encrypted.');
    execute format('comment on column %s.last_offset_ns is %L', part,
      'offset_ns of frame last_seq; null in rows from before this column.');
    execute format('comment on column %s.last_kind is %L', part,
      'kind of frame last_seq; null in rows from before this column.');
  end loop;
  for part in select 'gatetape.session_key'::regclass
      union all select inhrelid from pg_inherits where inhparent = 'gatetape.session_key'::regclass loop
    execute format('comment on column %s.commit_key is %L', part,
      'Key of the payload commitments; null when it was erased, or wrapped instead.');
    execute format('comment on column %s.format_version is %L', part,
      'Version of the canonical bytes of this session.');
    execute format('comment on column %s.wrapped is %L', part,
      'Reserved: an age v1 file that holds the direction keys, instead of commit_key.');
    execute format('comment on column %s.key_check is %L', part,
      '16 bytes by which a holder of the commit key recognizes it.');
  end loop;
end $$;
