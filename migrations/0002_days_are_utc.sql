-- A day and its partition have 24 hours in UTC, whatever zone the server shows times in.
alter function gatetape.add_partitions(timestamptz, timestamptz) set timezone = 'UTC';

create or replace function gatetape.uuid7_floor(at timestamptz) returns uuid
  language sql immutable strict parallel safe as
$$ select (lpad(to_hex(greatest(0, floor(extract(epoch from at) * 1000)::bigint)), 12, '0') || '70000000000000000000')::uuid $$;
comment on function gatetape.uuid7_floor is 'The smallest UUIDv7 of an instant, of 1970 for one before: partition bounds and time ranges.';
