#include "tests/sim/evidence.h"

#include <iterator>
#include <optional>
#include <string>
#include <utility>

#include "record/batch.h"
#include "record/merkle.h"

namespace gatetape::sim {
namespace {

// verify returns the first problem of a session's rows, or nothing when they are intact.
std::optional<Problem> verify(const SessionId& id, const std::optional<CommitKeys>& keys,
                              const std::vector<StoredBatch>& rows,
                              const std::optional<StoredHead>& head, const TrustedKeys& trusted) {
  if (!keys) return Problem{0, "its commit key is missing"};
  FrameVerifier verifier(id, *keys);
  std::vector<Frame> frames;
  for (const StoredBatch& row : rows)
    if (!verifier.add(row, &frames)) return verifier.problem();
  if (!head) return std::nullopt;
  return check_head(id, verifier.size(), verifier.root(), *head, trusted);
}

std::vector<StoredBatch> rows_of(const Database::Rows& stored) {
  std::vector<StoredBatch> rows;
  for (const auto& [first_seq, row] : stored.frames) rows.push_back(row);
  return rows;
}

// roots_of returns the root of a session after each of its frames.
std::vector<Hash> roots_of(const SessionId& id, const CommitKeys& keys,
                           const std::vector<StoredBatch>& rows) {
  CompactRange tree;
  std::vector<Hash> roots;
  for (const StoredBatch& row : rows) {
    const absl::StatusOr<std::vector<Frame>> frames =
        decode_batch(row.first_seq, row.last_seq, row.codec, row.raw_bytes, row.data);
    for (const Frame& frame : *frames) {
      tree.append(leaf_hash(id, keys, frame));
      roots.push_back(tree.root());
    }
  }
  return roots;
}

// check_lines checks the lines of a session in all heads lists. Every stored frame must be under
// one of them, except in a session that the recorder was allowed to refuse: frames of a commit in
// doubt that nobody asked for again have none.
void check_lines(World* world, const Oracle& oracle, const LogRows& log, const SessionId& id,
                 const std::vector<Hash>& roots) {
  const uint64_t number = oracle.number_of(id);
  for (const TreeHead& head : log.heads_of(id))
    if (head.size > roots.size() || head.root != roots[head.size - 1])
      world->violate("log", "a list has another root of session " + std::to_string(number));
  if (log.listed(id) < roots.size() && !oracle.is_excused(number))
    world->violate("log", "no list names the last frames of session " + std::to_string(number));
}

// tamper changes the rows in one way. It returns the range of frames within which the verifier must
// name the problem.
std::pair<uint64_t, uint64_t> tamper(Rng& rng, std::vector<StoredBatch>* rows) {
  const size_t at = rng.below(rows->size());
  StoredBatch& row = (*rows)[at];
  const std::pair<uint64_t, uint64_t> range{row.first_seq, row.last_seq};
  switch (rng.below(4)) {
    case 0: {
      // Compressed data is not changed, because zstd ignores some bits of its headers, and a change
      // of these does not change the frames.
      std::string& bytes = row.codec == 0 ? row.data : row.root;
      char& byte = bytes[rng.below(bytes.size())];
      byte = static_cast<char>(byte ^ (1 << rng.below(8)));
      break;
    }
    case 1:
      rows->erase(rows->begin() + static_cast<std::ptrdiff_t>(at));
      break;
    case 2:
      rows->insert(rows->begin() + static_cast<std::ptrdiff_t>(at), row);
      break;
    default:
      if (at + 1 == rows->size()) return {0, 0};
      std::swap((*rows)[at], (*rows)[at + 1]);
      return {range.first, (*rows)[at].last_seq};
  }
  return range;
}

}  // namespace

TrustedKeys Keys::trusted() const {
  TrustedKeys trusted;
  trusted.writers = {gateway.public_key()};
  for (const SigningKey& key : recorders) trusted.recorders.push_back(key.public_key());
  return trusted;
}

void check_evidence(World* world, const Oracle& oracle, const Database& database,
                    const Keys& keys) {
  const TrustedKeys trusted = keys.trusted();
  database.log().check_rest(trusted.recorders);
  for (const auto& [id, stored] : database.sessions()) {
    const std::vector<StoredBatch> rows = rows_of(stored);
    const auto problem = verify(id, stored.keys, rows, stored.head, trusted);
    if (problem)
      world->violate("I8", "session " + std::to_string(oracle.number_of(id)) +
                               " does not verify: " + problem->what);
    check_lines(world, oracle, database.log(), id, roots_of(id, *stored.keys, rows));
  }
  if (database.sessions().empty()) return;
  const auto chosen =
      std::next(database.sessions().begin(),
                static_cast<std::ptrdiff_t>(world->rng.below(database.sessions().size())));
  const Database::Rows& stored = chosen->second;
  std::vector<StoredBatch> rows = rows_of(stored);
  if (rows.empty() || !stored.head) return;
  const auto [first, last] = tamper(world->rng, &rows);
  if (first == 0) return;
  const auto problem = verify(chosen->first, stored.keys, rows, stored.head, trusted);
  if (!problem) world->violate("I8", "changed rows verify");
  if (problem->seq < first || problem->seq > last)
    world->violate("I8", "a change of frames " + std::to_string(first) + "-" +
                             std::to_string(last) + " is reported as: " + problem->what);
}

}  // namespace gatetape::sim
