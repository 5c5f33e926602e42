// What the sequencer takes, in which order, and when it signs.
#include "auditd/seal/sequencer_core.h"

#include <gmock/gmock.h>

#include "tests/unit/auditd/seal/seal_fixture.h"

namespace gatetape::auditd {
namespace {

using State = SequencerCore::State;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// The first epoch begins with `start` and the keys of auditd, the gateway and the recorder.
constexpr size_t kFirstLeaves = 4;

TEST_F(SealTest, an_epoch_begins_with_start_and_the_keys_that_are_not_registered) {
  SequencerCore core = make_core();
  EXPECT_EQ(core.state(), State::kClosed);
  EXPECT_EQ(step(core), kSecond);
  EXPECT_EQ(core.state(), State::kSealing);
  EXPECT_EQ(core.reason(), "");
  ASSERT_EQ(store_.leaves.size(), kFirstLeaves);
  const auto start = LogEntry::parse(store_.leaves[0].entry);
  EXPECT_EQ(std::get<StartEntry>(start->body).epoch, 1u);
  EXPECT_TRUE(start->verify(signer_.key.public_key()));
  std::vector<std::string> roles;
  for (size_t i = 1; i < kFirstLeaves; i++) {
    const auto entry = LogEntry::parse(store_.leaves[i].entry);
    EXPECT_TRUE(entry->verify(signer_.key.public_key()));
    roles.push_back(std::get<KeyEntry>(entry->body).role);
  }
  EXPECT_THAT(roles, ElementsAre("auditd", "gateway", "recorder"));
  expect_sealed();
  EXPECT_THAT(events(), ElementsAre("log_sequencing"));

  SequencerCore second = make_core();
  step(second);
  ASSERT_EQ(store_.leaves.size(), kFirstLeaves + 1);
  EXPECT_EQ(std::get<StartEntry>(LogEntry::parse(store_.leaves.back().entry)->body).epoch, 2u);
  EXPECT_EQ(store_.leaves.back().epoch, 2u);
  expect_sealed();
}

TEST_F(SealTest, a_key_that_another_key_registered_is_registered_by_the_log_key) {
  const SigningKey foreign = SigningKey::generate();
  const KeyEntry registration{KeyEntry::Action::kRegister, "gateway", gateway_.public_key(), 1};
  const KeyEntry retirement{KeyEntry::Action::kRetire, "gateway", gateway_.public_key(), 2};
  const std::string forged = LogEntry::signed_by(foreign, registration).to_text();
  const std::string good = LogEntry::signed_by(signer_.key, registration).to_text();
  const std::string retired = LogEntry::signed_by(signer_.key, retirement).to_text();
  const std::vector<WantedKey> wanted = {{"gateway", gateway_.public_key()}};
  const PublicKey& log_key = signer_.key.public_key();
  EXPECT_EQ(missing_registrations({forged}, wanted, log_key).size(), 1u);
  EXPECT_EQ(missing_registrations({forged, good}, wanted, log_key).size(), 0u);
  EXPECT_EQ(missing_registrations({good, retired}, wanted, log_key).size(), 1u);
}

TEST_F(SealTest, it_waits_while_another_sequencer_has_the_lock) {
  store_.lock_result = false;
  insert(heads_entry(recorder_, 'a', 1), 7);
  SequencerCore core = make_core();
  EXPECT_EQ(step(core), 2 * kSecond);
  EXPECT_EQ(core.state(), State::kWaiting);
  EXPECT_EQ(core.reason(), "another auditd sequences");
  EXPECT_EQ(core.oldest_waiting_ns(), 8 * kSecond);
  EXPECT_TRUE(store_.leaves.empty());
  store_.lock_result = true;
  EXPECT_EQ(step(core), kSecond) << "it came too early";
  EXPECT_EQ(core.state(), State::kWaiting);
  step(core);
  EXPECT_EQ(core.state(), State::kSealing);
  EXPECT_THAT(events(), ElementsAre("log_waiting", "log_sequencing"));
}

TEST_F(SealTest, entries_get_their_places_in_the_order_of_time_and_of_n) {
  SequencerCore core = make_core();
  step(core);
  const std::string a1 = heads_entry(recorder_, 'a', 1), a2 = heads_entry(recorder_, 'a', 2),
                    a3 = heads_entry(recorder_, 'a', 3), b1 = heads_entry(recorder_, 'b', 1);
  insert(a1, 1);  // the clock of the database was set back between the first two
  insert(a2, 4);
  insert(b1, 3);
  insert(a3, 2);
  step(core);
  EXPECT_THAT(stored_from(kFirstLeaves), ElementsAre(a1, b1, a2, a3));
  expect_sealed();
  const int appends = store_.appends;
  step(core);
  EXPECT_EQ(store_.appends, appends) << "nothing came";
}

TEST_F(SealTest, only_what_a_recorder_signed_gets_a_place) {
  SequencerCore core = make_core();
  step(core);
  const SigningKey stranger = SigningKey::generate();
  const std::string good = heads_entry(recorder_, 'a', 1);
  std::string altered = heads_entry(recorder_, 'a', 2);
  altered[altered.find("\n1\n") + 1] = '7';
  const KeyEntry registration{KeyEntry::Action::kRegister, "recorder", stranger.public_key(), 1};
  insert(heads_entry(stranger, 'a', 1));
  insert(altered);
  insert("nonsense");
  insert(LogEntry::signed_by(recorder_, registration).to_text());
  insert(LogEntry::signed_by(recorder_, StartEntry{9, 1}).to_text());
  insert(good);
  store_.entries.push_back(waiting_entry(heads_entry(recorder_, 'c', 1), store_.now_ns));
  store_.entries.back().leaf[0] ^= 1;
  events();
  step(core);
  EXPECT_THAT(stored_from(kFirstLeaves), ElementsAre(good));
  EXPECT_EQ(core.refused_entries(), 6u);
  EXPECT_EQ(events(), std::vector<std::string>(6, "log_entry_refused"));
  step(core);
  EXPECT_EQ(core.refused_entries(), 6u) << "each is judged once";
  EXPECT_THAT(events(), IsEmpty());
}

TEST_F(SealTest, an_entry_that_was_committed_late_is_found) {
  SequencerCore core = make_core();
  step(core);
  const std::string late = heads_entry(recorder_, 'a', 1);
  insert(late, 86400);
  for (int i = 0; i < 3; i++) step(core);
  EXPECT_THAT(stored_from(kFirstLeaves), ElementsAre(late));
}

TEST_F(SealTest, after_a_long_pause_the_oldest_entries_come_first) {
  SequencerCore first = make_core();
  step(first);
  std::vector<std::string> entries;
  for (uint64_t n = 1; n <= 6000; n++) {  // more than the walk through older rows looks at
    entries.push_back(heads_entry(recorder_, 'a', n));
    store_.now_ns += kSecond;
    insert(entries.back());
  }
  SequencerCore second = make_core();
  for (int i = 0; i < 3; i++) step(second);
  EXPECT_EQ(stored_from(kFirstLeaves + 1), entries);
}

TEST_F(SealTest, many_entries_go_into_several_transactions_without_a_pause) {
  SequencerCore core = make_core();
  step(core);
  const std::string entry = heads_entry(recorder_, 'a', 1);
  std::vector<std::string> entries;
  for (uint64_t n = 1; n <= 5200; n++) entries.push_back(heads_entry(recorder_, 'a', n));
  for (const std::string& one : entries) insert(one);
  EXPECT_EQ(step(core), 0);
  EXPECT_GT(store_.leaves.size(), kFirstLeaves + 4000);
  step(core, 0);
  EXPECT_EQ(store_.leaves.size(), kFirstLeaves + entries.size());
  expect_sealed();
  EXPECT_EQ(store_.nodes_stored.size(), store_.leaves.size() / 256);
}

TEST_F(SealTest, silence_is_signed_each_minute) {
  SequencerCore core = make_core();
  step(core);
  for (int i = 0; i < 59; i++) step(core);
  EXPECT_EQ(store_.checkpoints.size(), 1u);
  step(core);
  EXPECT_EQ(store_.checkpoints.size(), 2u);
  EXPECT_EQ(store_.checkpoints[0].note, store_.checkpoints[1].note);
  expect_sealed();
}

TEST_F(SealTest, a_newer_epoch_ends_the_old_one) {
  SequencerCore old = make_core(), next = make_core();
  step(old);
  step(next);  // the old one has lost its lock and does not know it
  events();
  insert(heads_entry(recorder_, 'a', 1));
  store_.append_result = [] { return absl::AlreadyExistsError("duplicate key"); };
  step(old);
  EXPECT_EQ(old.state(), State::kClosed);
  EXPECT_FALSE(store_.is_open);
  EXPECT_THAT(events(), ElementsAre("log_epoch_lost", "log_database_lost"));
  store_.append_result = nullptr;
  store_.lock_result = false;
  step(old, 2);
  EXPECT_EQ(old.state(), State::kWaiting);
}

TEST_F(SealTest, a_commit_in_doubt_hands_out_nothing_and_is_read_again) {
  SequencerCore core = make_core();
  step(core);
  const std::string entry = heads_entry(recorder_, 'a', 1);
  for (const bool was_stored : {true, false}) {
    insert(was_stored ? entry : heads_entry(recorder_, 'a', 2));
    const std::string newest = core.newest()->note.text;
    store_.append_result = [&] {
      return was_stored ? absl::AbortedError("in doubt") : absl::UnavailableError("lost");
    };
    step(core);
    EXPECT_EQ(core.state(), State::kClosed);
    EXPECT_EQ(core.newest()->note.text, newest);
    store_.append_result = nullptr;
    const int opened = store_.opened;
    step(core, 2);
    step(core);
    EXPECT_EQ(store_.opened, opened + 1);
    EXPECT_EQ(core.state(), State::kSealing);
    expect_sealed();
  }
  EXPECT_EQ(store_.leaves.size(), kFirstLeaves + 2 + 2) << "two entries, and two more epochs";
}

TEST_F(SealTest, a_standby_that_lacks_what_was_signed_is_refused_until_somebody_accepts) {
  SequencerCore core = make_core();
  step(core);
  const MemorySealStore before = store_;
  insert(heads_entry(recorder_, 'a', 1));
  step(core);
  EXPECT_EQ(core.newest()->tree.size, kFirstLeaves + 1);
  store_.leaves = before.leaves;
  store_.hashes = before.hashes;
  store_.checkpoints = before.checkpoints;
  store_.tree = before.tree;
  store_.append_result = [] { return absl::UnavailableError("the primary died"); };
  insert(heads_entry(recorder_, 'a', 2));
  step(core);
  store_.append_result = nullptr;
  step(core, 2);
  EXPECT_EQ(core.state(), State::kRefusing);
  EXPECT_TRUE(core.is_rolled_back());
  EXPECT_NE(core.reason().find("behind what was signed"), std::string::npos) << core.reason();
  publication_.acceptance = "alice: the standby is right";
  step(core, 2);
  EXPECT_EQ(core.state(), State::kSealing);
}

TEST_F(SealTest, a_cosignature_is_stored_with_the_newest_checkpoint) {
  SequencerCore core = make_core();
  step(core);
  const NoteSigner witness{"witness", NoteKeyType::kCosignature, SigningKey::generate()};
  SignedNote note = core.newest()->note;
  note.sign(witness, 1000);
  ASSERT_TRUE(core.cosign(note.text, note.signatures.back()).ok());
  EXPECT_EQ(store_.checkpoints.size(), 2u);
  EXPECT_EQ(store_.checkpoints.back().note, note.to_text());
  SignedNote later = core.newest()->note;
  later.signatures.pop_back();
  later.sign(witness, 2000);
  ASSERT_TRUE(core.cosign(later.text, later.signatures.back()).ok());
  EXPECT_EQ(store_.checkpoints.back().note, later.to_text()) << "one per witness";
  expect_sealed();
  insert(heads_entry(recorder_, 'a', 1));
  step(core);
  EXPECT_EQ(core.cosign(note.text, note.signatures.back()).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(core.newest()->note.signatures.size(), 1u);
}

TEST_F(SealTest, a_database_that_is_away_is_opened_again) {
  store_.open_status = absl::UnavailableError("no server");
  SequencerCore core = make_core();
  EXPECT_EQ(step(core), 2 * kSecond);
  EXPECT_EQ(core.reason(), "no server");
  step(core, 2);
  EXPECT_THAT(events(), ElementsAre("log_database_lost")) << "one line for one reason";
  store_.open_status = absl::OkStatus();
  step(core, 2);
  EXPECT_EQ(core.state(), State::kSealing);
}

}  // namespace
}  // namespace gatetape::auditd
