-- People name a session by the last digits of its id, because two ids of the same minute share the first ones.
create function gatetape.reversed_id(id uuid) returns uuid
  language sql immutable strict parallel safe as
$$ select reverse(replace(id::text, '-', ''))::uuid $$;
comment on function gatetape.reversed_id is
  'The id with its 32 digits from the last to the first: ids with the same last digits are neighbours in its order.';

create index session_by_last_digits on gatetape.session (gatetape.reversed_id(session_id));
