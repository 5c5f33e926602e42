// The guards of schema gatetape: triggers, rules, constraints, row-level security, grants and the
// bodies of functions. They are compared with those that the migrations make. One thread uses a Db.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/db/db.h"

namespace gatetape {

// Guard is a property that the migrations give to an object of the schema.
struct Guard {
  enum class Place { kObject, kPartitions, kBoth };  // the object itself, each of its partitions

  const char* object;  // `gatetape.NAME`, `gatetape.NAME(ARGUMENTS)`, or `schema gatetape`
  Place place;
  const char* key;
  const char* value;
};

// expected_guards returns the guards that the newest migration of this build leaves behind
// (base/db/catalogue_list.cc).
absl::Span<const Guard> expected_guards();

// The most deviations that are returned. A schema with so many is not one that the migrations made.
constexpr size_t kDeviationsMax = 100;

// guard_deviations returns one line for each guard that is missing, is another or must not be
// there, at most kDeviationsMax of them. A database at an older migration has one deviation, that
// it is. It fails as Db::query does. Every role may call it.
absl::StatusOr<std::vector<std::string>> guard_deviations(Db& db);

}  // namespace gatetape
