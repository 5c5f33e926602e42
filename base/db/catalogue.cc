#include "base/db/catalogue.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/db/migrate.h"

namespace gatetape {
namespace {

// The expected guards are $1 (object), $2 (place), $3 (key) and $4 (value); $5 limits the rows.
// Definitions are put together of the catalogue's columns where PostgreSQL's own text would depend
// on the search_path. NOT VALID is left out, because partitions are made with and without it.
constexpr char kDeviations[] = R"sql(
with relation as (
  select c.oid, c.relkind, c.relpersistence, c.relrowsecurity, c.relforcerowsecurity, c.relacl,
    c.relowner, i.inhparent is not null as is_partition,
    format('%s.%s', n.nspname, c.relname) as name,
    format('%s.%s', coalesce(q.nspname, n.nspname), coalesce(p.relname, c.relname)) as object
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
    left join pg_inherits i on i.inhrelid = c.oid left join pg_class p on p.oid = i.inhparent
    left join pg_namespace q on q.oid = p.relnamespace
  where c.relkind not in ('i', 'I')
    and 'gatetape' in (n.nspname, q.nspname)
), routine as (
  select p.oid, p.proowner, coalesce(p.proacl, acldefault('f', p.proowner)) as acl,
    format('gatetape.%s(%s)', p.proname, pg_get_function_identity_arguments(p.oid)) as name,
    format('%s%s, settings (%s), body %s', l.lanname,
      case when p.prosecdef then ' security definer' else '' end,
      array_to_string(p.proconfig, '; '),
      left(encode(sha256(convert_to(p.prosrc, 'UTF8')), 'hex'), 16)) as kind
  from pg_proc p join pg_language l on l.oid = p.prolang
  where p.pronamespace = 'gatetape'::regnamespace
), acl (name, owner, on_what, entries) as (
  select name, relowner, '', relacl from relation
  union all select name, relowner, ' on column ' || attname, attacl
    from relation join pg_attribute on attrelid = relation.oid
  union all select name, proowner, '', acl from routine
  union all select 'schema gatetape', nspowner, '', nspacl from pg_namespace
    where nspname = 'gatetape'
), owned (name, owner) as (
  select name, relowner from relation union all select name, proowner from routine
  union all select 'schema gatetape', nspowner from pg_namespace where nspname = 'gatetape'
), found (name, key, value) as (
  select name, 'kind', case relkind when 'r' then 'table' when 'p' then 'partitioned table'
      when 'v' then 'view' when 'f' then 'foreign table' else 'relkind ' || relkind::text end
      || case relpersistence when 'u' then ', unlogged' else '' end
    from relation
  union all select name, 'kind', kind from routine
  union all select name, 'default partition', 'attached'
    from relation join pg_partitioned_table on partrelid = relation.oid where partdefid <> 0
  union all select name, 'trigger ' || tgname, regexp_replace(pg_get_triggerdef(t.oid),
      '^CREATE TRIGGER \S+ (.*) ON \S+ (FOR EACH .*) EXECUTE FUNCTION .*$', '\1 \2')
      || format(' EXECUTE FUNCTION %s.%s(), ', n.nspname, p.proname)
      || case tgenabled when 'O' then 'enabled' when 'D' then 'disabled'
           else 'tgenabled ' || tgenabled::text end
    from relation join pg_trigger t on t.tgrelid = relation.oid
      join pg_proc p on p.oid = t.tgfoid join pg_namespace n on n.oid = p.pronamespace
    where not tgisinternal
  union all select name, 'rule ' || rulename, pg_get_ruledef(w.oid)
    from relation join pg_rewrite w on w.ev_class = relation.oid where rulename <> '_RETURN'
  union all select name, case contype when 'p' then 'primary key' else 'constraint ' || conname end,
      regexp_replace(pg_get_constraintdef(k.oid), ' NOT VALID$', '')
    from relation join pg_constraint k on k.conrelid = relation.oid
    where contype not in ('n', 't')
  union all select name, 'row-level security', 'on' from relation
    where relrowsecurity or relforcerowsecurity
  union all select name, 'policy ' || polname, 'present'
    from relation join pg_policy on polrelid = relation.oid
  union all select name, 'owner', rolname from owned join pg_roles r on r.oid = owned.owner
    where rolname in ('gatetape_recorder', 'gatetape_auditd', 'gatetape_sealer')
  union all select name, format('grant%s to %s', on_what, coalesce(rolname, 'public')),
      string_agg(privilege_type || case when is_grantable then ' with grant option' else '' end,
        ', ' order by privilege_type)
    from acl cross join aclexplode(entries) a left join pg_roles r on r.oid = a.grantee
    where a.grantee <> owner group by 1, 2
), object (name, object, is_partition) as (
  select name, object, is_partition from relation union all select name, name, false from routine
  union all select 'schema gatetape', 'schema gatetape', false
), expected as (
  select * from unnest($1::text[], $2::text[], $3::text[], $4::text[])
    as expected (object, place, key, value)
), wanted (name, key, value) as (
  select name, key, value from object join expected using (object)
    where place = 'both' or (place = 'partitions') = is_partition
  union all select object, key, value from expected where place <> 'partitions' and key = 'kind'
    and not exists (select from object o where o.name = expected.object)
)
select name, key, wanted.value, found.value from wanted full join found using (name, key)
where wanted.value is distinct from found.value order by name, key limit $5::bigint)sql";

const char* text_of(Guard::Place place) {
  switch (place) {
    case Guard::Place::kObject:
      return "object";
    case Guard::Place::kPartitions:
      return "partitions";
    case Guard::Place::kBoth:
      return "both";
  }
  return "";
}

std::vector<PgParam> parameters_of(absl::Span<const Guard> guards) {
  using Element = PgArray::Element;
  PgArray objects(Element::kText);
  PgArray places(Element::kText);
  PgArray keys(Element::kText);
  PgArray values(Element::kText);
  for (const Guard& guard : guards) {
    objects.add(PgParam::text(guard.object));
    places.add(PgParam::text(text_of(guard.place)));
    keys.add(PgParam::text(guard.key));
    values.add(PgParam::text(guard.value));
  }
  CHECK(objects.size() == guards.size(), objects.size(), guards.size());
  return {objects.finish(), places.finish(), keys.finish(), values.finish(),
          PgParam::int8(kDeviationsMax)};
}

std::string deviation_of(DbRow& row) {
  const std::string name = row.text();
  const std::string key = row.text();
  const std::optional<std::string> wanted = row.maybe(&DbRow::text);
  const std::optional<std::string> found = row.maybe(&DbRow::text);
  if (!found) return absl::StrCat(name, ": ", key, " is missing: it must be `", *wanted, "`");
  if (!wanted) return absl::StrCat(name, ": ", key, " must not be there: it is `", *found, "`");
  return absl::StrCat(name, ": ", key, " is `", *found, "` and must be `", *wanted, "`");
}

}  // namespace

absl::StatusOr<std::vector<std::string>> guard_deviations(Db& db) {
  const absl::StatusOr<uint32_t> newest = newest_migration(db);
  if (!newest.ok()) return newest.status();
  if (*newest != newest_known_migration())
    return std::vector<std::string>{
        absl::StrCat("the database is at migration ", *newest, ", and this program knows ",
                     newest_known_migration(), ": the guards of the schema cannot be compared")};
  const absl::StatusOr<DbRows> rows = db.query(kDeviations, parameters_of(expected_guards()));
  if (!rows.ok()) return rows.status();
  absl::StatusOr<std::vector<std::string>> lines = read_rows(*rows, deviation_of);
  CHECK(!lines.ok() || lines->size() <= kDeviationsMax, lines->size());
  return lines;
}

}  // namespace gatetape
